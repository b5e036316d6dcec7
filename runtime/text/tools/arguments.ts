import { FleetError } from '@qwenfleet/core/errors';
import type { Expression } from '../grammar/expression.ts';
import { schemaExpression } from '../grammar/json-schema.ts';
import { object } from '../grammar/json.ts';
import type { OfferedFunction } from './offer.ts';

/** A function's arguments as JSON. Where a schema cannot be kept and need not be, any object. */
export function argumentsOf({ parameters, strict }: OfferedFunction): Expression {
  try {
    // The arguments of a function are an object, whatever its schema forgets to say.
    return schemaExpression(
      Object.keys(parameters).length === 0 ? { type: 'object' } : { type: 'object', ...parameters },
    );
  } catch (error) {
    if (strict || !(error instanceof FleetError)) throw error;
    return object;
  }
}
