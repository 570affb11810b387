// Tasks: each account has its own, in mayfly. The page's script and programs use the same four addresses.
'use strict';

const express = require('express');
const { randomUUID } = require('node:crypto');
const { readFileSync } = require('node:fs');

const { MAYFLY_URL, MAYFLY_HOME, MAYFLY_KEY, LISTEN = '127.0.0.1:3000' } = process.env;
const page = readFileSync(`${__dirname}/index.html`, 'utf8');
const app = express();

// What mayfly keeps of an account. change runs again when another request was faster; without one it is read only.
async function keep(account, change) {
  const ask = async (method, headers, body) => {
    const answer = await fetch(`${MAYFLY_URL}/app/accounts/${account}`, {
      method, body, headers: { Authorization: `Bearer ${MAYFLY_KEY}`, 'Content-Type': 'application/json', ...headers },
    });
    if (![200, 201, 404, 412].includes(answer.status)) throw new Error(`mayfly answers ${answer.status}`);
    return answer;
  };
  for (;;) {
    const found = await ask('GET', {});
    const before = found.status === 200 ? await found.json() : {};
    if (!change) return before;
    const after = change(before);
    const match = found.status === 200 ? { 'If-Match': found.headers.get('etag') } : { 'If-None-Match': '*' };
    const kept = await ask('PUT', match, JSON.stringify(after));
    if (kept.status !== 412) return after;
  }
}

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const account = (request) => request.get('X-Auth-Id');
const tasks = (mine) => mine.tasks ?? {};

// Of express 4, which does not wait for a promise by itself.
const waits = (handler) => (request, response, next) => handler(request, response).catch(next);

app.disable('x-powered-by');
app.use((request, response, next) => {
  response.set('Cache-Control', 'private, no-cache');
  next();
});
app.get('/', (request, response) => {
  response.type('html').send(page.replaceAll('{user}', escape(request.get('X-Auth-User'))).replaceAll('{home}', escape(MAYFLY_HOME)));
});
app.get('/tasks.js', (request, response) => response.sendFile(`${__dirname}/tasks.js`));
app.get('/api/tasks', waits(async (request, response) => response.json(tasks(await keep(account(request))))));
app.post('/api/tasks', express.json(), waits(async (request, response) => {
  const id = randomUUID();
  const text = String(request.body?.text ?? '').slice(0, 1000);
  await keep(account(request), (mine) => ({ ...mine, tasks: { ...tasks(mine), [id]: { text, done: false } } }));
  response.status(201).location(`/api/tasks/${id}`).json({ id, text, done: false });
}));
app.put('/api/tasks/:id', express.json(), waits(async (request, response) => {
  const { id } = request.params;
  const mine = await keep(account(request), (before) => (Object.hasOwn(tasks(before), id)
    ? { ...before, tasks: { ...tasks(before), [id]: { ...tasks(before)[id], done: request.body?.done === true } } } : before));
  if (Object.hasOwn(tasks(mine), id)) response.json(tasks(mine)[id]);
  else response.sendStatus(404);
}));
app.delete('/api/tasks/:id', waits(async (request, response) => {
  await keep(account(request), (mine) => {
    const { [request.params.id]: gone, ...left } = tasks(mine);
    return { ...mine, tasks: left };
  });
  response.sendStatus(204);
}));
// eslint-disable-next-line no-unused-vars -- express knows it by its four parameters
app.use((error, request, response, next) => {
  console.error(error.message);
  response.status(error.status ?? 503).set('Retry-After', '1').json({ error: 'unavailable' });
});

app.listen(...(LISTEN.startsWith('/') ? [LISTEN] : [Number(LISTEN.split(':')[1]), LISTEN.split(':')[0]]));
