import { z } from 'zod';

const objectName = (what: string) => z.string().max(253).default('').describe(what);

export const neighboursSchema = z
  .strictObject({
    gateway: z
      .strictObject({
        name: objectName('Its name; empty makes no routes.'),
        namespace: objectName('Its namespace; empty means that of each router.'),
        sectionName: objectName('Its listener; empty means all of them.'),
      })
      .prefault({})
      .describe('The Gateway that every router gets an HTTPRoute to, where the Gateway API is installed.'),
    endpointPicker: z
      .strictObject({
        name: objectName("Its Service, in each pool's namespace; empty exports no pool."),
        port: z.int().min(1).max(65_535).default(9002).describe('Port of that Service.'),
      })
      .prefault({})
      .describe(
        'The endpoint picker of InferencePools. With it and a gateway, each pool can be reached past its router, and past the keys of that.',
      ),
  })
  .prefault({})
  .describe('What neighbours have to be told. Which of them are there is found out while the operator runs.');
