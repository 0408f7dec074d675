export { answersAny, type Asking, type Attempt, CallQuestions, openReply, takeAnswers } from './call-questions.js';
export {
  CannotAsk,
  type GivenAnswer,
  type GivenAnswers,
  type Question,
  type QuestionKind,
  QuestionsAsked,
  type Reply,
} from './question.js';
export {
  type CallIdentity,
  digestOf,
  type OpenedState,
  QuestionStates,
} from './question-states.js';
export { prepareFolder } from './used-states.js';
