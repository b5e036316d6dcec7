/**
 * Tasks that ask the same kind of thing are held out together: physics of MMLU with physics of MMLU-Pro, grade-school
 * mathematics of three files. Otherwise a "held-out" task would be known from another file.
 */
const mmluSubjects: Record<string, string> = {
  mathematics:
    'abstract_algebra college_mathematics elementary_mathematics high_school_mathematics high_school_statistics',
  physics: 'astronomy college_physics conceptual_physics high_school_physics',
  chemistry: 'college_chemistry high_school_chemistry',
  biology: 'college_biology high_school_biology',
  'computer science': 'college_computer_science computer_security high_school_computer_science machine_learning',
  engineering: 'electrical_engineering',
  health:
    'anatomy clinical_knowledge college_medicine human_aging medical_genetics nutrition professional_medicine virology human_sexuality',
  law: 'international_law jurisprudence professional_law',
  business: 'business_ethics management marketing professional_accounting',
  economics: 'econometrics high_school_macroeconomics high_school_microeconomics',
  philosophy: 'formal_logic logical_fallacies moral_disputes moral_scenarios philosophy world_religions',
  psychology: 'high_school_psychology professional_psychology',
  history: 'high_school_european_history high_school_us_history high_school_world_history prehistory',
  other:
    'global_facts miscellaneous high_school_geography high_school_government_and_politics public_relations security_studies sociology us_foreign_policy',
};
const subjectFamily = new Map(
  Object.entries(mmluSubjects).flatMap(([family, subjects]) =>
    subjects.split(' ').map((name) => [name, family] as const),
  ),
);

const otherTasks: Record<string, string> = {
  'mmlupro/math': 'mathematics',
  math: 'mathematics',
  gsm8k: 'word problems',
  'agentverse-mgsm': 'word problems',
  natural_qa: 'trivia',
  trivia_qa: 'trivia',
  openbook_qa: 'school science',
  arc_challenge: 'school science',
  commonsense_qa: 'common sense',
  commongen: 'common sense',
  mbpp: 'programming',
  human_eval: 'programming',
  mmlu: 'reading',
  'agentverse-logicgrid': 'logic grids',
};

/** The family that a task is held out with; a task that belongs to none is its own. */
export function familyOf(task: string): string {
  const known = otherTasks[task];
  if (known !== undefined) return known;
  const [set, subject = ''] = task.split('/');
  if (set === 'mmlu') return subjectFamily.get(subject) ?? subject;
  if (set === 'mmlupro') return subject;
  return task;
}
