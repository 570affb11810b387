/* A storage that answers with anything. A server thread in this process sends the input as its answer. */
#include "fuzz.h"
#include "object/s3.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

static struct config config;
static struct log quiet = {.clock = &clock_system, .level = LOG_ERROR};
static int listener;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t answer[65536];
static size_t answer_size;
static struct s3 *s3; /* as in a worker: one for its life */

static void *serve(void *arg)
{
    char request[16384];

    (void)arg;
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            return NULL;
        if (recv(fd, request, sizeof request, 0) > 0) {
            pthread_mutex_lock(&lock);
            send(fd, answer, answer_size, MSG_NOSIGNAL | MSG_DONTWAIT);
            pthread_mutex_unlock(&lock);
        }
        shutdown(fd, SHUT_WR);
        close(fd);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    struct err err = {.kind = ERR_NONE};
    static pthread_t thread;
    char endpoint[64];

    (void)argc;
    (void)argv;
    freopen("/dev/null", "w", stdout);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(sodium_init() >= 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 64) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
    config_init(&config);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", ntohs(address.sin_port));
    CHECK(config_set(&config, "s3_endpoint", endpoint, &err) && config_set(&config, "s3_bucket", "bucket", &err) &&
          config_set(&config, "s3_retries", "0", &err) && config_set(&config, "s3_timeout_ms", "1000", &err) &&
          config_set(&config, "s3_retry_ms", "0", &err));
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    CHECK(s3_new(&s3, &config, &clock_system, &quiet, NULL, &err));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {.kind = ERR_NONE};
    struct arena arena;
    const char *text;
    bool ok = false;

    if (size < 2)
        return 0;
    pthread_mutex_lock(&lock);
    answer_size = size - 1 < sizeof answer ? size - 1 : sizeof answer;
    memcpy(answer, data + 1, answer_size);
    pthread_mutex_unlock(&lock);
    arena_init(&arena, 16 * 1024 * 1024);
    switch (data[0] % 8) {
    case 0: {
        struct s3_page page;

        ok = s3_objects(s3, &arena, "uploads/", "", 100, &page, &err);
        for (size_t i = 0; ok && i < page.count; i++)
            CHECK(page.items[i].key != NULL && strlen(page.items[i].key) <= S3_KEY_MAX && page.items[i].size >= 0);
        break;
    }
    case 1: {
        struct s3_page page;

        ok = s3_uploads(s3, &arena, "uploads/", "", 100, &page, &err);
        break;
    }
    case 2: {
        struct s3_part_page page;

        ok = s3_upload_parts(s3, &arena, "key", "upload", 0, 100, &page, &err);
        for (size_t i = 0; ok && i < page.count; i++)
            CHECK(page.parts[i].number >= 0 && page.parts[i].tag != NULL && strlen(page.parts[i].tag) <= S3_TAG_MAX);
        break;
    }
    case 3: {
        char *bytes = malloc(64);
        size_t length;

        ok = s3_get(s3, &arena, "key", 10, -1, bytes, 64, &length, &err);
        if (ok)
            CHECK(length <= 64);
        free(bytes);
        break;
    }
    case 4: {
        int64_t bytes;

        ok = s3_head(s3, &arena, "key", &bytes, &err);
        if (ok)
            CHECK(bytes >= 0);
        break;
    }
    case 5:
        ok = s3_upload_begin(s3, &arena, "key", "text/plain", &text, &err);
        break;
    case 6:
        ok = s3_upload_copy(s3, &arena, "key", "upload", 1, "from", 0, 10, &text, &err);
        break;
    default: {
        const struct s3_part part = {.number = 1, .tag = "tag"};

        ok = s3_upload_complete(s3, &arena, "key", "upload", &part, 1, &err);
    }
    }
    CHECK(ok == (err.kind == ERR_NONE));
    arena_free(&arena);
    return 0;
}
