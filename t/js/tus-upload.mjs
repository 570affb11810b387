// Uploads files with tus-js-client, several at a time, each resuming until it is done. Reads one JSON object from its
// standard input: {module, endpoint, token, seed, together, files: [{path, name, chunk}]}; chunk 0: all in one request.
// Writes one JSON line for each file: {name, url, retries} or {name, error}.
import fs from 'node:fs'
import { createRequire } from 'node:module'

const plan = JSON.parse(fs.readFileSync(0, 'utf8'))
const tus = createRequire(plan.module + '/')('tus-js-client')

// mulberry32: the same waits for the same seed.
let state = plan.seed
function random() {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

function upload(file) {
  return new Promise((resolve) => {
    let retries = 0
    const one = new tus.Upload(fs.createReadStream(file.path), {
      endpoint: plan.endpoint,
      headers: { Authorization: `Bearer ${plan.token}` },
      metadata: { filename: file.name },
      uploadSize: fs.statSync(file.path).size,
      chunkSize: file.chunk || Infinity,
      // Short, since a worker is back in a moment; long enough in sum for a hundred kills.
      retryDelays: Array.from({ length: 200 }, () => 20 + Math.floor(random() * 80)),
      onShouldRetry: () => {
        retries++
        return true
      },
      onError: (error) => resolve({ name: file.name, error: String(error) }),
      onSuccess: () => resolve({ name: file.name, url: one.url, retries }),
    })
    one.start()
  })
}

async function lane(files) {
  for (let file; (file = files.shift()); ) console.log(JSON.stringify(await upload(file)))
}

const files = plan.files.slice()
await Promise.all(Array.from({ length: plan.together }, () => lane(files)))
