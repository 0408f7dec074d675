import { z } from 'zod';
import { errorBody } from './answers.js';
import { component } from './components.js';
import { commonErrors, errorResponse, reading, type RouteContract } from './route-contract.js';
import { flag, recordLimit, recordOffset, timestampToSecond } from './wire-format.js';

export const session = component(
  'Session',
  'One sign-in of a person for one client. It has none of its tokens.',
  z.strictObject({
    id: z.string().describe('Names the session here, and nowhere else.'),
    user_id: z.string().describe("The identity provider's own name for the person."),
    username: z.string().nullable(),
    email: z.string().nullable(),
    provider: z.string(),
    client_id: z.string().describe('The application that acts for the person.'),
    client_name: z.string().nullable().describe('As the application calls itself; null if that is not known.'),
    scopes: z.array(z.string()),
    signed_in_at: timestampToSecond,
    used_at: timestampToSecond.describe('When the application last got new tokens.'),
    confirmed_at: timestampToSecond.describe('When the identity provider last confirmed the person.'),
    ends_at: timestampToSecond.describe('When it ends unless it is used before.'),
  }),
);

export const sessionList = component(
  'SessionList',
  'The sessions of people who have signed in, the one that was used last first.',
  z.strictObject({ sessions: z.array(session), count: z.int().min(0).describe('How many there are in all.') }),
);

const endedSessions = component(
  'EndedSessions',
  'How many sessions were ended.',
  z.strictObject({ ended: z.int().min(0) }),
);

const listing = reading(sessionList, 'The sessions.');
const off = errorResponse(errorBody, ['sessions_off']);
const failing = errorResponse(errorBody, ['persistence_failed', 'internal']);
const user = z.string().min(1).max(1000);

/** The routes about the people who have signed in at the authorization server of this server. */
export const SESSION_ROUTES = {
  listSessions: {
    ...listing,
    path: '/auth/sessions',
    tag: 'auth',
    doc: 'The sessions of people who have signed in.',
    query: z.strictObject({
      user: user.optional().describe('Only those of this user: a user id, a username or an address.'),
      limit: recordLimit.optional().describe('At most this many sessions; 100 unless given.'),
      offset: recordOffset.optional().describe('How many sessions to skip.'),
    }),
    responses: { ...listing.responses, 404: off },
  },
  deleteSessions: {
    method: 'DELETE',
    path: '/auth/sessions',
    tag: 'auth',
    doc: 'Ends the sessions of one user, or all of them.',
    query: z.strictObject({
      user: user.optional().describe('The user: a user id, a username or an address.'),
      all: flag.optional().describe('Ends the sessions of all users; needed where `user` is not given.'),
    }),
    responses: { ...commonErrors, 200: { schema: endedSessions, doc: 'How many have ended.' }, 404: off, 500: failing },
  },
  deleteSession: {
    method: 'DELETE',
    path: '/auth/sessions/{id}',
    tag: 'auth',
    doc: 'Ends a session: its tokens give no access any more, and its open streams end.',
    query: z.strictObject({}),
    responses: {
      ...commonErrors,
      200: { schema: session, doc: 'The session that has ended.' },
      404: errorResponse(errorBody, ['session_not_found', 'sessions_off']),
      500: failing,
    },
  },
} as const satisfies Record<string, RouteContract>;
