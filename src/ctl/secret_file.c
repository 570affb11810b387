#include "ctl/secret_file.h"
#include "base/lines.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = CONFIG_TEXT_BYTES + 8, TEXT_BYTES = 4096 + SECRET_KEYS_MAX * 128 };

static const char *const names[] = {[SECRET_ADDED] = "added", [SECRET_SIGNS] = "signs", [SECRET_RETIRED] = "retired"};

const char *secret_state_name(enum secret_state state)
{
    return names[state];
}

void secret_time_format(int64_t seconds, char text[SECRET_TIME_BYTES])
{
    time_t time = seconds;
    struct tm utc;

    gmtime_r(&time, &utc);
    strftime(text, SECRET_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* Reads the remark after a key; without one that is understood, state and time stay as they are. */
static void read_remark(const char *line, enum secret_state *state, int64_t *since_s)
{
    const char *remark = strchr(line, '#');
    struct tm utc = {.tm_sec = 0};
    char name[16];

    if (remark == NULL || sscanf(remark, "# %15s since %d-%d-%dT%d:%d:%dZ", name, &utc.tm_year, &utc.tm_mon,
                                 &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec) != 7)
        return;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) {
            *state = (enum secret_state)i;
            *since_s = timegm(&utc);
        }
}

struct remarks {
    struct secret_file *file;
    size_t key, length;
};

/* secret_load has checked that each line is a key or a remark. */
static bool take_line(void *arg, char *line, int number, struct err *err)
{
    struct remarks *remarks = arg;
    struct secret_file *file = remarks->file;
    const char *at = line + strspn(line, " \t");
    size_t key = remarks->key, room = sizeof file->remarks - remarks->length;

    (void)number;
    if (at[0] == '#') {
        remarks->length += (size_t)snprintf(file->remarks + remarks->length, room, "%s\n", line);
        return remarks->length < sizeof file->remarks ||
               err_set(err, ERR_INPUT, "more than %zu bytes of remarks up to here; shorten them",
                       sizeof file->remarks - 1);
    }
    if (at[0] == '\0' || key >= file->secret.count)
        return true;
    file->states[key] = key == 0 ? SECRET_SIGNS : SECRET_RETIRED;
    file->since_s[key] = file->stat.st_mtime;
    read_remark(at, &file->states[key], &file->since_s[key]);
    /* The line may have been moved by hand. */
    if ((key == 0) != (file->states[key] == SECRET_SIGNS)) {
        file->states[key] = key == 0 ? SECRET_SIGNS : SECRET_RETIRED;
        file->since_s[key] = file->stat.st_mtime;
    }
    remarks->key++;
    return true;
}

static bool read_remarks(struct secret_file *file, struct err *err)
{
    struct remarks remarks = {.file = file};
    FILE *stream = fopen(file->path, "re");

    if (stream == NULL || fstat(fileno(stream), &file->stat) != 0) {
        err_set(err, ERR_INPUT, "%s: %s", file->path, strerror(errno));
        if (stream != NULL)
            fclose(stream);
        return false;
    }
    return lines_read(stream, file->path, SECRET_LINE_BYTES, take_line, &remarks, err);
}

bool secret_file_read(struct secret_file *file, const char *path, struct err *err)
{
    *file = (struct secret_file){.path = path};
    return secret_load(&file->secret, path, err) && read_remarks(file, err);
}

bool secret_file_add(struct secret_file *file, int64_t now_s, struct err *err)
{
    size_t key = file->secret.count;

    if (key == SECRET_KEYS_MAX)
        return err_set(err, ERR_INPUT, "there are %d keys already; remove one that is retired", SECRET_KEYS_MAX);
    random_bytes(file->secret.keys[key], SECRET_KEY_BYTES);
    file->states[key] = SECRET_ADDED;
    file->since_s[key] = now_s;
    file->secret.count++;
    return true;
}

static void move_key(struct secret_file *file, size_t to, const struct secret_file *other, size_t from)
{
    memcpy(file->secret.keys[to], other->secret.keys[from], SECRET_KEY_BYTES);
    file->states[to] = other->states[from];
    file->since_s[to] = other->since_s[from];
}

void secret_file_promote(struct secret_file *file, size_t key, int64_t now_s)
{
    struct secret_file before = *file;

    move_key(file, 0, &before, key);
    for (size_t i = 0; i < key; i++)
        move_key(file, i + 1, &before, i);
    file->states[0] = SECRET_SIGNS;
    file->states[1] = SECRET_RETIRED;
    file->since_s[0] = file->since_s[1] = now_s;
    secret_file_wipe(&before);
}

void secret_file_remove(struct secret_file *file, size_t key)
{
    for (size_t i = key; i + 1 < file->secret.count; i++)
        move_key(file, i, file, i + 1);
    file->secret.count--;
    bytes_wipe(file->secret.keys[file->secret.count], SECRET_KEY_BYTES);
}

static size_t format(const struct secret_file *file, char text[TEXT_BYTES])
{
    size_t length = (size_t)snprintf(text, TEXT_BYTES, "%s", file->remarks);

    for (size_t i = 0; i < file->secret.count; i++) {
        char hex[HEX_TEXT_BYTES(SECRET_KEY_BYTES)], since[SECRET_TIME_BYTES];

        bytes_to_hex(file->secret.keys[i], SECRET_KEY_BYTES, hex);
        secret_time_format(file->since_s[i], since);
        length += (size_t)snprintf(text + length, TEXT_BYTES - length, "%s # %s since %s\n", hex,
                                   names[file->states[i]], since);
        bytes_wipe(hex, sizeof hex);
    }
    return length;
}

/* At no moment can another user read it. */
static bool fill(const struct secret_file *file, int fd)
{
    char text[TEXT_BYTES];
    size_t length = format(file, text);
    bool ok = fchown(fd, file->stat.st_uid, file->stat.st_gid) == 0 && fchmod(fd, file->stat.st_mode & 07777) == 0 &&
              write(fd, text, length) == (ssize_t)length && fsync(fd) == 0;

    bytes_wipe(text, sizeof text);
    return ok;
}

static bool sync_folder(const char *path)
{
    char copy[PATH_BYTES];
    int fd;
    bool ok;

    snprintf(copy, sizeof copy, "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

bool secret_file_write(const struct secret_file *file, struct err *err)
{
    char next[PATH_BYTES];
    int fd;

    snprintf(next, sizeof next, "%s.new", file->path);
    fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT,
                       "%s exists: another mayflyctl is running, or one was killed; in that case remove the file",
                       next);
    if (fd < 0)
        return err_set(err, ERR_DENIED,
                       "%s: %s; run this as the owner of its folder, which is root where mayfly is installed", next,
                       strerror(errno));
    if (!fill(file, fd) || close(fd) != 0 || rename(next, file->path) != 0) {
        err_set(err, ERR_DENIED, "%s: %s; nothing was changed", file->path, strerror(errno));
        unlink(next);
        return false;
    }
    return sync_folder(file->path) ||
           err_set(err, ERR_DOWN, "%s was replaced, but its folder can't be written to disk: %s", file->path,
                   strerror(errno));
}

void secret_file_wipe(struct secret_file *file)
{
    bytes_wipe(&file->secret, sizeof file->secret);
}
