/** The commonest English words: what most people's everyday sentences are made of. */
const words = `a about above across after again against ago all almost alone along already also although always am among an and animal another answer any anyone
anything are area around as ask asked at away back bad be became because become been before began begin behind being believe below best better between big bird
black blue body book both boy bring brother build but buy by call called came can car carry case cat change child children city class clean clear close cold color
colour come common could country course cut day dear did different dinner do does dog doing done door down draw drink drive during each early earth easy eat eight
either else end english enough even ever every everyone everything example eye face fact fall family far fast father favorite feel feet few find fine fire first fish five fly follow food for
form four free french friend from front full fun game gave get girl give given glad go goes going gold good got great green group grow had half hand happen happy
hard has have he head hear heard heart help her here hey hi high him his hold home hope hot hour house how hundred i idea if important in inside interest into is it its
job joke just keep kind king knew know known land language large last late later laugh learn leave left less let letter life light like line list listen little live lives
long look lot love low made main make makes man many may maybe me mean means men might mind minute miss money month moon more morning most mother mountain move much
music must my name near need never new next nice night nine no north not note nothing now number of off often oh ok okay old on once one only open or order other our
out over own page paper part party pass pay people perhaps person picture piece place plan plant play please point possible problem put question quick quite rain
read ready real really red remember rest right river road room round run said same saw say school sea second see seem seen sentence set seven several shall she short should
show side simple since sing sister sit six size sleep slow small snow so some someone something song soon sound south speak spell stand star start state stay still
stop story street strong study such summer sun sure take talk teach teacher tell ten than thank thanks that the their them then there these they thing things think this
those though thought three through time tiny to today together told tomorrow tonight too took top toward town travel tree true try turn two type under understand until up us use
used using usually very visit wait walk want war warm was wash watch water way we weather week weekend well went were what when where which while white who whole whose
why will wind winter wish with without woman wonderful word words work world would write year years yellow yes yesterday yet you young your
what's it's i'm don't that's you're can't i've i'd let's there's isn't doesn't didn't won't he's she's we're they're`;

export const commonWords: ReadonlySet<string> = new Set(words.split(/\s+/));
