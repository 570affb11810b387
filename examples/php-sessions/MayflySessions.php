<?php
/**
 * PHP's sessions in mayfly: any process on any host has them. Requests of one session take turns, as with PHP's own files; what
 * can't be written is said, and never lost in silence. README.md has the two lines that use this.
 */
declare(strict_types=1);

final class MayflySessions implements SessionHandlerInterface, SessionUpdateTimestampHandlerInterface
{
    private ?string $loaded = null; // the id that the next three are of
    private ?string $etag = null;   // null: it is not there
    private string $data = '';
    private bool $locked = false;
    private ?RuntimeException $away = null;

    /** $lockSeconds: how long a request may have the session, at most; 0: requests take no turns, and of two that write one fails. */
    public function __construct(private string $url, private string $key, private string $account = '', private int $lockSeconds = 30)
    {
    }

    /** $account: who the visitor is as mayfly's gate says, X-Auth-Id; empty for a guest. */
    public static function register(string $url, string $key, ?string $account = null, int $lockSeconds = 30): self
    {
        $handler = new self($url, $key, $account ?? $_SERVER['HTTP_X_AUTH_ID'] ?? '', $lockSeconds);
        ini_set('session.use_strict_mode', '1'); // an id that is not there is never taken from a browser
        session_set_save_handler($handler, true);
        return $handler;
    }

    public function open(string $path, string $name): bool
    {
        return true;
    }

    public function close(): bool
    {
        if ($this->locked) {
            $this->save(['data' => base64_encode($this->data)]); // read_and_close, session_abort
        }
        $this->loaded = $this->etag = $this->away = null;
        return true;
    }

    /** While mayfly is away the browser keeps its id: a new one would end a session that is there. read() says what is wrong. */
    public function validateId(string $id): bool
    {
        try {
            $this->load($id);
        } catch (RuntimeException $away) {
            $this->away = $away;
            return true;
        }
        return $this->etag !== null;
    }

    public function read(string $id): string
    {
        if ($this->away !== null) {
            throw $this->away;
        }
        $this->load($id);
        return $this->data;
    }

    public function write(string $id, string $data): bool
    {
        return ($this->etag === null && $data === '') || $this->save(['data' => base64_encode($data)]);
    }

    /** PHP calls this instead of write when nothing has changed (session.lazy_write). */
    public function updateTimestamp(string $id, string $data): bool
    {
        return $this->etag === null || ($this->locked ? $this->save(['data' => base64_encode($data)]) : true);
    }

    public function destroy(string $id): bool
    {
        $this->call('DELETE', $this->place($id), [204, 404]);
        $this->etag = null;
        $this->locked = false;
        return true;
    }

    /** mayfly removes what has ended. */
    public function gc(int $lifetime): int|false
    {
        return 0;
    }

    /**
     * Changes what the app keeps of an account; $change is given the document as an array and returns the one that is to be: the
     * same to read only. It runs again when another request was faster.
     */
    public function changeAccount(string $account, callable $change): array
    {
        for (;;) {
            [$status, $etag, , $document] = $this->call('GET', "/app/accounts/$account", [200, 404]);
            $before = $status === 200 ? $document : [];
            $after = $change($before);
            if ($after === $before) {
                return $after;
            }
            [$status] = $this->call('PUT', "/app/accounts/$account", [200, 201, 412], $after, $status === 200 ? $etag : null);
            if ($status !== 412) {
                return $after;
            }
        }
    }

    private function load(string $id): void
    {
        $patience = microtime(true) + 2 * max($this->lockSeconds, 1);
        for ($this->etag = $this->loaded === $id ? $this->etag : null; $this->loaded !== $id; usleep(random_int(10_000, 40_000))) {
            [$status, $etag, $now, $document] = $this->call('GET', $this->place($id), [200, 404]);
            if ($status === 404) {
                [$this->loaded, $this->etag, $this->data] = [$id, null, ''];
                return;
            }
            if ($this->lockSeconds > 0 && ($document['lock']['until'] ?? 0) > $now) {
                if (microtime(true) > $patience) {
                    $this->fail("the session is in use");
                }
                continue; // another request has it
            }
            if ($this->lockSeconds > 0) {
                $lock = ['lock' => ['by' => bin2hex(random_bytes(8)), 'until' => $now + $this->lockSeconds]];
                [$status, $etag] = $this->call('PATCH', $this->place($id), [200, 404, 412], $lock, $etag);
                if ($status !== 200) {
                    continue; // another was faster
                }
                $this->locked = true;
            }
            [$this->loaded, $this->etag, $this->data] = [$id, $etag, (string) base64_decode($document['data'] ?? '')];
        }
    }

    /** Only over what was read: false when it has ended, or when somebody has taken over because this took longer than its lock. */
    private function save(array $document): bool
    {
        [$status, $etag] = $this->call('PUT', $this->place($this->loaded), [200, 201, 412], $document, $this->etag);
        $this->locked = false;
        $this->etag = $status === 412 ? null : $etag;
        return $status !== 412;
    }

    private function place(string $id): string
    {
        $idle = (int) ini_get('session.gc_maxlifetime');
        return '/app/sessions/' . rawurlencode($id) . "?idle=$idle&account=" . rawurlencode($this->account);
    }

    /** [status, ETag, mayfly's time, document]; anything but the statuses that are expected is no answer, and no session. */
    private function call(string $method, string $path, array $expected, ?array $body = null, ?string $match = null): array
    {
        $headers = ["Authorization: Bearer $this->key", 'Content-Type: application/json', 'Accept: application/json'];
        if ($method === 'PUT' || $method === 'PATCH') {
            $headers[] = $match === null ? 'If-None-Match: *' : "If-Match: $match";
        }
        $context = stream_context_create(['http' => ['method' => $method, 'header' => $headers, 'ignore_errors' => true, 'timeout' => 10,
            'content' => $body === null ? '' : json_encode((object) $body, JSON_THROW_ON_ERROR)]]);
        $stream = @fopen($this->url . $path, 'r', false, $context);
        $lines = $stream === false ? [] : stream_get_meta_data($stream)['wrapper_data'];
        $status = (int) (explode(' ', $lines[0] ?? '')[1] ?? 0);
        $found = ['etag' => null, 'date' => ''];
        foreach ($lines as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $found[strtolower($name)] = trim($value);
        }
        if (!in_array($status, $expected, true)) {
            $this->fail("mayfly answers $status");
        }
        return [$status, $found['etag'], (int) strtotime($found['date']), json_decode(stream_get_contents($stream), true)];
    }

    /** Not an empty session: who does not catch this answers 503, and the browser comes again. */
    private function fail(string $reason): never
    {
        $this->locked = false;
        register_shutdown_function(function (): void {
            if (http_response_code() === 500 && !headers_sent()) { // PHP's own, of what nobody has caught
                header('HTTP/1.1 503 Service Unavailable');
                header('Retry-After: 1');
            }
        });
        throw new RuntimeException("no session: $reason");
    }
}
