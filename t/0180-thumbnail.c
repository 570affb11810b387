/* What a worker sees of thumbnails: the picture, or an error that says whose fault it is, and never a crash. */
#include "media/thumbnail.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* 1 x 1 pixel, red; and the same with its only colour transparent. */
static const char red[] = "GIF89a\1\0\1\0\x80\0\0\xFF\0\0\xFF\xFF\xFF,\0\0\0\0\1\0\1\0\0\2\2D\1\0;";
static const char clear[] = "GIF89a\1\0\1\0\x80\0\0\xFF\0\0\xFF\xFF\xFF!\xF9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;";
/* The most that a GIF can say: 65,535 x 65,535. */
static const char huge[] = "GIF89a\xFF\xFF\xFF\xFF\x80\0\0\xFF\0\0\xFF\xFF\xFF,\0\0\0\0\xFF\xFF\xFF\xFF\0\2\2D\1\0;";

static void standard(struct config *config)
{
    config_init(config);
    strcpy(config->thumbnail_program, THUMBNAIL_PROGRAM);
}

static bool make(struct unit *unit, const struct config *config, const void *bytes, size_t length, int box,
                 struct thumbnail *thumbnail)
{
    const struct log log = {.clock = &clock_system, .level = LOG_ERROR, .worker = "unit/1"};
    int input = memfd_create("image", MFD_CLOEXEC);
    struct thumbnailer thumbnailer;
    bool made;

    thumbnailer_init(&thumbnailer, config);
    assert_true(input >= 0);
    assert_true(write(input, bytes, length) == (ssize_t)length); /* the offset stays at the end */
    made = thumbnail_make(&thumbnailer, config, &log, &unit->arena, input, box, thumbnail, &unit->err);
    close(input);
    zygote_end(&thumbnailer.zygote);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return made;
}

/* With a program that stands in for one that misbehaves: this script. */
static bool make_by(struct unit *unit, const char *script, int64_t timeout_ms, struct thumbnail *thumbnail)
{
    char path[] = "/tmp/mayfly-unit-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    struct config config;
    bool made;

    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/bin/sh\n%s\n", script) > 0);
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    standard(&config);
    strcpy(config.thumbnail_program, path);
    config.thumbnail_timeout_ms = timeout_ms;
    made = make(unit, &config, red, sizeof red - 1, 320, thumbnail);
    unlink(path);
    return made;
}

static void an_opaque_image_becomes_a_jpeg_and_a_transparent_one_a_webp(void **state)
{
    struct unit *unit = *state;
    struct config config;
    struct thumbnail thumbnail;

    standard(&config);
    assert_granted(make(unit, &config, red, sizeof red - 1, 320, &thumbnail), &unit->err);
    assert_string_equal(thumbnail.type, "image/jpeg");
    assert_memory_equal(thumbnail.bytes, "\xFF\xD8\xFF", 3);
    assert_granted(make(unit, &config, clear, sizeof clear - 1, 320, &thumbnail), &unit->err);
    assert_string_equal(thumbnail.type, "image/webp");
    assert_memory_equal(thumbnail.bytes, "RIFF", 4);
}

static void each_refusal_says_why(void **state)
{
    static const char html[] = "<!doctype html><script>alert(1)</script>";
    struct unit *unit = *state;
    struct config config;
    struct thumbnail thumbnail;

    standard(&config);
    assert_refused(make(unit, &config, html, sizeof html - 1, 320, &thumbnail), &unit->err, ERR_TYPE,
                   "only JPEG, PNG, WebP and GIF");
    assert_refused(make(unit, &config, "", 0, 320, &thumbnail), &unit->err, ERR_TYPE, "only JPEG, PNG, WebP and GIF");
    assert_refused(make(unit, &config, huge, sizeof huge - 1, 320, &thumbnail), &unit->err, ERR_LARGE,
                   "more than 50000000 pixels, or more than 65535 rows");
    assert_refused(make(unit, &config, red, 22, 320, &thumbnail), &unit->err, ERR_VALUE, "damaged or cut off");
}

static void the_settings_are_the_programs_limits(void **state)
{
    struct unit *unit = *state;
    struct config config;
    struct thumbnail thumbnail;

    standard(&config);
    config.thumbnail_max_pixels = 1;
    assert_granted(make(unit, &config, red, sizeof red - 1, 320, &thumbnail), &unit->err);
    config.thumbnail_max_pixels = (int64_t)65535 * 65535 - 1;
    assert_refused(make(unit, &config, huge, sizeof huge - 1, 320, &thumbnail), &unit->err, ERR_LARGE,
                   "more than 4294836224 pixels");
    standard(&config);
    config.thumbnail_memory_bytes = 1024 * 1024;
    assert_refused(make(unit, &config, red, sizeof red - 1, 320, &thumbnail), &unit->err, ERR_VALUE, "too much work");
    /* What it says is no picture, and shown for that reason. */
    assert_refused(make_by(unit,
                           "[ \"$*\" = '--zygote --max-pixels 50000000 --max-side 65535 --memory-bytes 536870912 "
                           "--cpu-s 5' ] && exec " ZYGOTE_TOY " 'say well;exit 44'",
                           20000, &thumbnail),
                   &unit->err, ERR_BUG, "ended with 44: well");
}

static void a_box_out_of_range_is_refused_before_anything_is_started(void **state)
{
    struct unit *unit = *state;
    struct config config;
    struct thumbnail thumbnail;

    config_init(&config);
    strcpy(config.thumbnail_program, "/nowhere/program");
    assert_refused(make(unit, &config, red, sizeof red - 1, 15, &thumbnail), &unit->err, ERR_INPUT, "from 16 to 1024");
    assert_refused(make(unit, &config, red, sizeof red - 1, 1025, &thumbnail), &unit->err, ERR_INPUT,
                   "from 16 to 1024");
    assert_refused(make(unit, &config, red, sizeof red - 1, -1, &thumbnail), &unit->err, ERR_INPUT, "from 16 to 1024");
    assert_refused(make(unit, &config, red, sizeof red - 1, 16, &thumbnail), &unit->err, ERR_DOWN, "/nowhere/program");
}

static void however_it_ends_the_worker_has_an_answer(void **state)
{
    static const struct {
        const char *words;
        enum err_kind kind;
        const char *says;
    } cases[] = {
        {"signal 11", ERR_VALUE, "damaged"},
        {"signal 6", ERR_VALUE, "damaged"},
        {"signal 9", ERR_VALUE, "too much work"},
        {"signal 24", ERR_VALUE, "too much work"},
        {"exit 40", ERR_TYPE, "only JPEG"},
        {"exit 41", ERR_LARGE, "pixels"},
        {"exit 42", ERR_VALUE, "damaged"},
        {"exit 43", ERR_VALUE, "too much work"},
        {"say no library; exit 44", ERR_BUG, "ended with 44: no library"},
        {"exit 1", ERR_BUG, "ended with 1"},
        {"exit 127", ERR_BUG, "ended with 127"},
        {"exit 0", ERR_BUG, "made something else"},
        {"say <script>", ERR_BUG, "made something else"},
        {"say RIFF", ERR_BUG, "made something else"},
        {"flood", ERR_VALUE, "too much work"},
        {"jpeg; exit 42", ERR_VALUE, "damaged"},
    };
    struct unit *unit = *state;
    struct thumbnail thumbnail;

    for (size_t i = 0; i < COUNT(cases); i++) {
        char script[256];

        snprintf(script, sizeof script, "exec " ZYGOTE_TOY " '%s'", cases[i].words);
        assert_refused(make_by(unit, script, 20000, &thumbnail), &unit->err, cases[i].kind, cases[i].says);
        arena_reset(&unit->arena);
    }
    assert_refused(make_by(unit, "exec " ZYGOTE_TOY " rest", 300, &thumbnail), &unit->err, ERR_VALUE, "too much work");
    assert_refused(make_by(unit, "exec sleep 600", 300, &thumbnail), &unit->err, ERR_VALUE, "too much work");
    assert_refused(make_by(unit, "kill -s STOP $$", 300, &thumbnail), &unit->err, ERR_VALUE, "too much work");
    assert_refused(make_by(unit, "kill -s SEGV $$", 20000, &thumbnail), &unit->err, ERR_DOWN, "ended before");
    assert_refused(make_by(unit, "exit 127", 20000, &thumbnail), &unit->err, ERR_DOWN, "");
}

static void what_is_not_a_file_is_a_mistake_of_ours(void **state)
{
    const struct log log = {.clock = &clock_system, .level = LOG_ERROR, .worker = "unit/1"};
    struct unit *unit = *state;
    struct config config;
    struct thumbnailer thumbnailer;
    struct thumbnail thumbnail;
    int ends[2];

    standard(&config);
    thumbnailer_init(&thumbnailer, &config);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_refused(thumbnail_make(&thumbnailer, &config, &log, &unit->arena, ends[0], 320, &thumbnail, &unit->err),
                   &unit->err, ERR_BUG, "not in a regular file");
    assert_refused(thumbnail_make(&thumbnailer, &config, &log, &unit->arena, -1, 320, &thumbnail, &unit->err),
                   &unit->err, ERR_BUG, "Bad file descriptor");
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(an_opaque_image_becomes_a_jpeg_and_a_transparent_one_a_webp),
        PROMISE(each_refusal_says_why),
        PROMISE(the_settings_are_the_programs_limits),
        PROMISE(a_box_out_of_range_is_refused_before_anything_is_started),
        PROMISE(however_it_ends_the_worker_has_an_answer),
        PROMISE(what_is_not_a_file_is_a_mistake_of_ours),
    };

    return KEEP_PROMISES(promises);
}
