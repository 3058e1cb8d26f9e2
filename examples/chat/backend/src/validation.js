import { isStreamId } from './streamIds.js';

/** What a caller sent is wrong; `message` may be shown to them. */
export class InvalidInput extends Error {
  status = 400;
}

const ACCOUNT_NAME = /^[a-z0-9][a-z0-9_-]{0,31}$/;
const ROOM_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const CLIENT_ID = /^[A-Za-z0-9_-]{1,64}$/;
const TEXT_LENGTH = 4000;

export function checkCredentials(body) {
  const { name, password } = body ?? {};
  if (typeof name !== 'string' || !ACCOUNT_NAME.test(name)) {
    throw new InvalidInput('A name has 1 to 32 lower-case letters, digits, "-" or "_", and starts with a letter or digit.');
  }
  if (typeof password !== 'string' || password.length < 8 || password.length > 128) {
    throw new InvalidInput('A password has 8 to 128 characters.');
  }
  return { name, password };
}

export function checkRoom(room) {
  if (typeof room !== 'string' || !ROOM_NAME.test(room)) {
    throw new InvalidInput('A room has 1 to 64 letters, digits, "-" or "_", and starts with a letter or digit.');
  }
  return room;
}

export function checkJoin(request) {
  const { room, after } = request ?? {};
  if (after !== undefined && after !== null && !isStreamId(after)) {
    throw new InvalidInput('"after" is the id of the last message seen, such as 1700000000000-0.');
  }
  return { room: checkRoom(room), after: after ?? null };
}

export function checkMessage(request) {
  const { room, text, id } = request ?? {};
  if (typeof text !== 'string' || text.trim() === '' || text.length > TEXT_LENGTH) {
    throw new InvalidInput(`A message has 1 to ${TEXT_LENGTH} characters.`);
  }
  if (typeof id !== 'string' || !CLIENT_ID.test(id)) {
    throw new InvalidInput('A message needs an "id" of 1 to 64 letters, digits, "-" or "_", made by its sender.');
  }
  return { room: checkRoom(room), text, clientId: id };
}
