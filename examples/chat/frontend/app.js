const ACK_LIMIT = 12_000; // ms; the backend itself gives up after 8 s

const find = (id) => document.getElementById(id);

/** What this page knows: enough to come back after any interruption. */
const state = { token: '', name: '', room: '', lastId: null, outbox: [] };
let socket;

// Log in

find('login-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const action = event.submitter?.value ?? 'login';
  try {
    const { token, name } = await post(`/api/${action}`, {
      name: form.get('name'),
      password: form.get('password'),
    });
    Object.assign(state, { token, name, room: form.get('room') });
    enterChat();
  } catch (error) {
    find('login-error').textContent = error.message;
  }
});

async function post(path, body) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({ error: 'The chat is not reachable; try again.' }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function enterChat() {
  find('login').hidden = true;
  find('chat').hidden = false;
  find('room').textContent = `# ${state.room}`;
  document.title = `#${state.room} – Chat`;
  connect();
}

// The connection: Socket.IO reconnects by itself, and every time the page asks for what it missed.

function connect() {
  showState('connecting');
  socket = io({ transports: ['websocket'], auth: { token: state.token }, reconnectionDelayMax: 3000 });
  socket.on('connect', join);
  socket.on('disconnect', () => showState('reconnecting'));
  socket.on('connect_error', (error) => {
    // `active` tells a network failure, after which Socket.IO tries again, from a refusal.
    if (socket.active) showState('reconnecting');
    else showLogin(error.message);
  });
  socket.on('welcome', ({ server }) => {
    find('state').title = `Served by ${server}`;
  });
  socket.on('message', showMessage);
  socket.on('presence', ({ users }) => showUsers(users));
}

async function join() {
  const current = socket.id;
  let answer;
  do {
    answer = await ask('join', { room: state.room, after: state.lastId });
    if (socket.id !== current) return; // a newer connection joins for itself
    if (answer.ok) {
      answer.messages.forEach(showMessage);
      state.lastId ??= '0-0';
      showUsers(answer.users);
    }
  } while (answer.ok ? answer.more : answer.retry);
  if (!answer.ok) {
    showLogin(answer.error);
    return;
  }
  showState('connected');
  state.outbox.forEach(deliver);
}

/** Emit an event and await its acknowledgement; no answer is one that may be asked again. */
async function ask(event, payload) {
  try {
    return await socket.timeout(ACK_LIMIT).emitWithAck(event, payload);
  } catch {
    return { ok: false, retry: socket.connected, error: 'The chat gave no answer.' };
  }
}

function showLogin(sentence) {
  socket.disconnect();
  find('chat').hidden = true;
  find('login').hidden = false;
  find('login-error').textContent = sentence;
}

// Messages: kept in the outbox, and sent again under the same id, until acknowledged.

find('message-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = event.target.elements.text;
  const text = input.value.trim();
  if (!text) return;
  const entry = { id: newId(), text };
  state.outbox.push(entry);
  appendMessage({ clientId: entry.id, from: state.name, text }).classList.add('pending');
  input.value = '';
  if (socket.connected) deliver(entry);
});

async function deliver(entry) {
  let answer;
  do {
    answer = await ask('message', { room: state.room, ...entry });
  } while (!answer.ok && answer.retry);
  if (!answer.ok && !socket.connected) return; // the next join sends it again
  state.outbox = state.outbox.filter(({ id }) => id !== entry.id);
  if (!answer.ok) rowOf(entry.id)?.classList.add('failed');
}

// crypto.randomUUID needs HTTPS, which a page on a laptop may not have.
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function showMessage(message) {
  state.lastId = message.id;
  const own = message.from === state.name && rowOf(message.clientId);
  if (own) {
    own.classList.remove('pending', 'failed');
    own.parentElement.append(own); // to its place in the order of the room
  } else {
    appendMessage(message);
  }
}

function rowOf(clientId) {
  return find('messages').querySelector(`[data-client-id="${CSS.escape(clientId)}"]`);
}

function appendMessage({ clientId, from, text }) {
  const row = document.createElement('li');
  row.dataset.clientId = clientId;
  row.classList.toggle('own', from === state.name);
  const author = document.createElement('b');
  author.textContent = from;
  const words = document.createElement('p');
  words.textContent = text;
  row.append(author, words);
  find('messages').append(row);
  row.scrollIntoView({ block: 'end' });
  return row;
}

function showUsers(users) {
  find('users').replaceChildren(
    ...users.map((user) => {
      const item = document.createElement('li');
      item.textContent = user;
      return item;
    }),
  );
}

function showState(name) {
  find('state').textContent = name;
  find('state').dataset.state = name;
}
