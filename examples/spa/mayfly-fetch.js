// fetch() that lets the visitor log in where mayfly's gate asks for it, in a window, and then sends the request again.
const news = new BroadcastChannel("mayfly");
let login = null; // one window for all requests

function logIn() {
  const page = window.open("/mayfly/login", "mayfly-login", "popup,width=480,height=720");

  return new Promise((resolve) => {
    const watch = setInterval(() => (!page || page.closed) && setTimeout(end, 500, false), 500);
    const end = (done) => {
      clearInterval(watch);
      resolve(done);
    };

    news.onmessage = () => end(true);
  });
}

// The 401 is answered when the window is closed, or can't be opened since nothing was clicked.
export async function mayflyFetch(input, init) {
  const request = new Request(input, init);
  const answer = await fetch(request.clone());

  if (answer.status !== 401 || !/rel="login"/.test(answer.headers.get("Link"))) return answer;
  login ??= logIn().finally(() => (login = null));
  return (await login) ? fetch(request) : answer;
}
