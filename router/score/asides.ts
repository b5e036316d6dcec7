/**
 * What people say around what they ask: pleasantries, "think step by step", and orders that are meant for the router
 * ("this is trivial, use the small model"). They say nothing of how hard a prompt is, and where it goes is not for its
 * author to decide, so they are not read where they stand as sentences of their own at either end of it.
 */
export type Aside = 'pleasantry' | 'thinking' | 'order';

/** A longer sentence is no aside, and no longer one is looked at. */
export const asideCharsMax = 160;
/** Asides that are taken from either end. */
const asidesMax = 4;
/** Pleasantries go only where at least this much else is said: "Hi! How are you?" is one as a whole. */
const restLettersMin = 28;
const lettersPerCjkChar = 4;

/** The part of a prompt that asks for something; the whole of it when nothing else would be left. */
export function withoutAsides(prompt: string): string {
  if (!hint.test(prompt.slice(0, edgeChars)) && !hint.test(prompt.slice(-edgeChars))) return prompt;
  const whole = prompt.trim();
  let rest = whole;
  for (let count = 0; count < asidesMax; count++) {
    const shorter = withoutLast(rest) ?? withoutFirst(rest);
    if (shorter === undefined) break;
    rest = shorter;
  }
  return rest === whole ? prompt : rest;
}

/** Undefined for everything that is not one. */
export function asideOf(sentence: string): Aside | undefined {
  if (sentence.length > asideCharsMax || sentence.endsWith('?') || sentence.endsWith('？')) return undefined;
  if (!hint.test(sentence)) return undefined;
  const plain = sentence.replace(/^[\s"'(*_-]+|[\s.!。！~…)"'*_,，;；:：]+$/gu, '').replaceAll('’', "'");
  if (plain === '') return undefined;
  if (isOrder(plain)) return 'order';
  if (thinking.some((pattern) => pattern.test(plain))) return 'thinking';
  return plain.split(/[,，、] ?/).every((part) => pleasantries.some((pattern) => pattern.test(part)))
    ? 'pleasantry'
    : undefined;
}

function withoutLast(text: string): string | undefined {
  const ends = text.length - (/[\s.!。！~…]+$/u.exec(text.slice(-8))?.[0].length ?? 0);
  for (const breaks of [sentenceBreaks, clauseBreaks]) {
    const at = lastBreak(text, ends, breaks);
    if (at === undefined) continue;
    const rest = text.slice(0, at).trimEnd();
    if (goes(asideOf(text.slice(at).trim()), rest)) return rest;
  }
  return undefined;
}

function withoutFirst(text: string): string | undefined {
  for (const breaks of [sentenceBreaks, clauseBreaks]) {
    const at = firstBreak(text, breaks);
    if (at === undefined) continue;
    const rest = text.slice(at).trimStart();
    if (goes(asideOf(text.slice(0, at).trim()), rest)) return rest;
  }
  return undefined;
}

/** May it go, when this is what is left? */
function goes(aside: Aside | undefined, rest: string): boolean {
  if (aside === undefined) return false;
  const sample = rest.slice(0, asideCharsMax);
  const cjkChars = sample.match(/[\u3400-\u9fff]/gu)?.length ?? 0;
  const letters = sample.length - cjkChars + lettersPerCjkChar * cjkChars;
  return letters >= (aside === 'pleasantry' ? restLettersMin : restLettersMin / 4);
}

/** Characters of either end in which a hint is looked for, with room for blanks around the longest aside. */
const edgeChars = asideCharsMax + 40;
/** No aside is without one of these; most prompts have none near their ends, and cost no more than looking for it. */
const hint =
  /\b(?:models?|pools?|tiers?|llms?|backends?|options?|rout|dispatcher|balancer|think|reason|time|thank|thx|cheers|appreciate|question|help|regards|please$|sorry|hope|hi|hey|hiya|hello|greetings|good|dear|trivial|easy|simple|basic|hard|difficult|tricky|complex|challenging|straightforward|day|[\d.]+ ?b\b)|[模路难易简谢好您安嗨哈题思想考虑推忙烦扰苦祝案选]|[0-9] ?b/i;

const sentenceBreaks = '.!?。！？\n';
const clauseBreaks = `${sentenceBreaks},，;；:：`;

/** Where the last sentence or clause begins. */
function lastBreak(text: string, end: number, breaks: string): number | undefined {
  for (let at = end - 1; at > 0 && at >= end - asideCharsMax; at--) if (isBreak(text, at, breaks)) return at + 1;
  return undefined;
}

/** Where the second begins. */
function firstBreak(text: string, breaks: string): number | undefined {
  for (let at = 0; at < text.length - 1 && at <= asideCharsMax; at++) {
    if (!isBreak(text, at, breaks)) continue;
    let next = at + 1;
    while (next < text.length && sentenceBreaks.includes(text[next] ?? '')) next++;
    return next;
  }
  return undefined;
}

/** Points within numbers, names and "e.g." end nothing. */
function isBreak(text: string, at: number, breaks: string): boolean {
  const char = text[at] ?? '';
  if (!breaks.includes(char)) return false;
  return char > '\u007f' || char === '\n' || /\s|[\u3400-\u9fff]/u.test(text[at + 1] ?? ' ');
}

const greeting =
  '(?:hi|hello|hey|hiya|greetings|good (?:morning|afternoon|evening|day)|dear (?:sir or madam|all|team|assistant))';
const pleasantries = [
  new RegExp(`^${greeting}(?: (?:there|all|everyone|everybody|again|team|friend|my friend|assistant|qwen))?$`, 'i'),
  /^(?:please )?(?:i(?:'ve| have)(?: got)? an? (?:\w+ )?question(?: for you)?|(?:just )?an? ?(?:quick |small )?question|quick question|(?:may|can|could) i ask (?:you )?(?:something|a question))$/i,
  /^(?:i hope (?:you(?:'re| are)(?: doing)?|this (?:message |mail |email )?finds you) well|sorry to (?:bother|disturb) you)$/i,
  /^(?:please )?(?:help me(?: out)?(?: with this)?|i (?:need|could use|would like) (?:your|some) help(?: with this)?)$/i,
  /^(?:many |so many )?(?:thanks|thank you|thx|cheers)(?: (?:so much|very much|a lot|a million|again))?(?: in advance)?(?: for (?:your|the|any) (?:help|time|answer|effort))?$/i,
  /^(?:i(?:'d| would)? (?:really )?appreciate (?:it|your help)|any help is appreciated|have a (?:nice|great|good|lovely) day|please|kind regards|best regards)$/i,
  /^(?:你好|您好|嗨|哈喽|大家好|早上好|上午好|下午好|晚上好|早安)(?:呀|啊|呢)?$/u,
  /^(?:我)?(?:想|想要|有)?(?:请教|请问|问|个|一个|请教一下|问一下|咨询)?(?:你|您|大家)?(?:一个|个|一下)?(?:小)?问题(?:想请教|想问|要问|请教)?(?:你|您|大家)?(?:一下)?$/u,
  /^(?:请|麻烦|拜托)(?:你|您)?(?:帮帮我|帮我一下|帮个忙|帮忙|了|一下)$/u,
  /^(?:先|非常|十分|多|太|真的)*(?:感谢|谢谢|谢)(?:你|您|了|啦|大家|不尽)*(?:的(?:帮助|时间|解答|回答))?$/u,
  /^(?:辛苦了|打扰了|麻烦了|祝(?:你|您)?(?:今天|生活|一切|工作)?(?:愉快|开心|顺利))$/u,
];

const thinking = [
  /^(?:(?:please|now|so|and|then|first|just|you (?:should|must)|let's|let us|make sure to|take your time and|take a deep breath and) ?,? ?)*(?:think|reason)(?: (?:it|this|that|everything|about (?:it|this|that)|through|out|very|really|extra))*,? (?:step[ -]by[ -]step|carefully|hard|deeply|slowly|thoroughly|out loud)(?: (?:and|before|when|then|while)\b.{0,40})?$/i,
  /^(?:please )?take your time$/i,
  /^(?:请|请你|请您|让我们|我们|务必|先)*(?:一步一步|一步步|一步一步来|逐步|分步|按步骤|仔细|认真|深入|好好|慢慢)(?:地|的|来)?(?:思考|想|想想|推理|考虑)(?:一下|清楚)?(?:再|后再|之后再|然后)?(?:回答|作答|给出答案)?$/u,
];

function isOrder(sentence: string): boolean {
  if (addressed.test(sentence) || difficultyTold.some((pattern) => pattern.test(sentence))) return true;
  if (englishTarget.test(sentence)) return englishWish.test(sentence);
  return chineseTarget.test(sentence) && chineseWish.test(sentence);
}

/** "Note to the router: ...", and not the box on somebody's shelf. */
const addressed =
  /^(?:(?:\w+ ){0,3}(?:to|for) (?:the|your) |(?:dear|hey|hi) )?(?:router|routing system|dispatcher|load balancer) ?[,:]|^(?:给|致|对|亲爱的|请)?路由(?:器|系统)?(?:的(?:提示|说明|话))?[,，:：]/iu;

/** "This is an easy question", and what follows from it. */
const difficultyTold = [
  /^\W*(?:difficulty|complexity|rout(?:e|ing)|model|tier|pool|难度|复杂度|路由|模型)(?: (?:score|level|rating|hint))? ?[:=：]/iu,
  /\b(?:complexity|difficulty) (?:score|level|rating|estimate)\b|(?:难度|复杂度)(?:评分|分数|等级)?(?:评|设|定|打|记|视|标|为|是)/iu,
  /^(?:(?:an?|just an?) )?(?:very |really |extremely )?(?:trivial|easy|simple|hard|difficult|complex) (?:question|task|one|request|problem|prompt)(?:$|[,;:])/i,
  /^(?:问题|题目|任务)(?:非常|很|极其|十分|特别|太)(?:简单|容易|难|困难|复杂)(?:$|[,，;；])/u,
  /^(?:(?:please )?(?:note|hint|important|ps|fyi|ignore the length)[:,]? ?(?:that )?)?(?:this|it|that|the (?:question|task|request|prompt|problem)|this (?:question|task|request|prompt|problem|one))(?: is|'s)(?: (?:really|very|quite|extremely|super|so|just|only|an?|actually|rather|incredibly|pretty|not))* (?:trivial|easy|simple|basic|hard|difficult|tricky|complex|complicated|challenging|straightforward)(?: (?:question|task|one|request|problem|prompt))?(?:$|[,;:])/i,
  /^(?:(?:注意|提示|重要|请注意)[:：,，])?(?:这|该|此)(?:个|道|一)?(?:问题|题目|题|任务|请求)?(?:是|真的)?(?:一个|个)?(?:非常|很|极其|十分|特别|太|超级|比较|不)?(?:简单|容易|难|困难|复杂|基础)(?:的)?(?:问题|任务|题目|题)?(?:$|[,，;；])/u,
];
const englishTarget =
  /\b(?:(?:small|cheap|strong|weak|fast|great)(?:er|est)?|large[rs]?t?|big(?:gest|ger)?|tiny|little|medium|mid|best|better|premium|powerful|expensive|advanced|capable|lightweight|frontier|\d+(?:\.\d+)?b)(?:[ -]\w+){0,2}[ -](?:models?|pools?|tiers?|llms?|backends?|options?)\b|\b(?:the|a|an|to|with|on|by|use|pick) (?:\d\.\d|[3478]|1[34]|3[024]|7[02]|\d{3})b\b/i;
const englishWish =
  /\b(?:use|using|rout(?:e|ed|ing)|send|sent|pick|choose|select|forward|assign|pass|give|go|goes|needs?|needed|requires?|enough|suffices?|sufficient|answer|answered|handled?|switch|escalate|run|prefer|hand|waste|wasting|will do|insist|demand|deserves?|want|fine)\b/i;
const chineseTarget =
  /(?:[大小好强贵快]|便宜|轻量|高级|合适|[0-9]+ ?b)[^，。]{0,4}模型|模型池|便宜的?(?:方案|选项)|(?:用|给|是|择|选|到|转) ?(?:\d\.\d|[3478]|1[34]|3[024]|7[02]) ?b(?![a-z])/iu;
const chineseWish = /用|足|浪费|坚持|值得|要|转|交给|选|发|分配|派|需要|够|就行|可以|能|回答|处理|换|走/u;
