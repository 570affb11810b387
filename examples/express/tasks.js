// The page's script. A session that has ended is 401 with a Link to the log-in, which no script can follow: a person has to.
'use strict';

const list = document.getElementById('tasks');
const said = document.getElementById('said');

function say(text, link) {
  said.replaceChildren(text);
  if (link) said.append(' ', Object.assign(document.createElement('a'), { href: link, textContent: 'Log in again' }));
  said.hidden = text === '';
}

async function ask(method, path, body) {
  const answer = await fetch(path, { method, headers: body ? { 'Content-Type': 'application/json' } : {}, body: body && JSON.stringify(body) });
  if (answer.status === 401) {
    say('You are not logged in any more.', location.href); // where nginx leads to the log-in and back
    throw new Error('logged out');
  }
  if (!answer.ok) {
    say('That did not work. Try again shortly.');
    throw new Error(`${method} ${path}: ${answer.status}`);
  }
  say('');
  return answer.status === 204 ? null : answer.json();
}

function button(name, text, action) {
  const made = Object.assign(document.createElement('button'), { textContent: name, ariaLabel: `${name}: ${text}` });
  made.addEventListener('click', () => action().then(show));
  return made;
}

async function show() {
  const tasks = await ask('GET', '/api/tasks');
  list.replaceChildren(...Object.entries(tasks).map(([id, { text, done }]) => {
    const row = document.createElement('li');
    const words = Object.assign(document.createElement(done ? 's' : 'span'), { textContent: text, className: 'words' });
    row.append(words, button(done ? 'Not done' : 'Done', text, () => ask('PUT', `/api/tasks/${id}`, { done: !done })),
      button('Remove', text, () => ask('DELETE', `/api/tasks/${id}`)));
    return row;
  }));
}

document.getElementById('add').addEventListener('submit', (event) => {
  event.preventDefault();
  const { text } = event.target.elements;
  ask('POST', '/api/tasks', { text: text.value }).then(() => {
    text.value = '';
    return show();
  });
});
show();
