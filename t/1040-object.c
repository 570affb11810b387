/* The table of back ends, and what S3's needs no storage for. What all of them promise is in t/service/object-contract.c. */
#include "object/object.h"
#include "object/object_s3.h"
#include "object/s3.h"

#include "unit.h"

static void each_back_end_is_found_by_its_name(void **state)
{
    const struct object_ops *const *all = object_ops_all();
    size_t count = 0;

    (void)state;
    for (; all[count] != NULL; count++)
        assert_ptr_equal(object_ops_named(all[count]->name), all[count]);
    assert_true(count > 0);
    assert_ptr_equal(object_ops_named("s3"), &object_s3);
    assert_null(object_ops_named(""));
    assert_null(object_ops_named("S3"));
    assert_null(object_ops_named("s3 "));
}

static void new_files_go_where_the_setting_says(void **state)
{
    struct unit *unit = *state;
    struct config config;

    config_init(&config);
    assert_granted(config_set(&config, "objects", "s3", &unit->err), &unit->err);
    assert_ptr_equal(object_ops_of_config(&config), &object_s3);
    assert_refused(config_set(&config, "objects", "tape", &unit->err), &unit->err, ERR_INPUT,
                   "objects: say postgres or s3");
}

/* And not less than S3 takes, nor more than it needs. */
static void no_file_needs_more_parts_than_s3_takes(void **state)
{
    const int64_t mib = 1024 * 1024, least = 5 * mib, tib = mib * mib;
    struct config config;
    struct object_store store = {.config = &config};

    (void)state;
    config_init(&config);
    for (config.s3_part_bytes = least; config.s3_part_bytes < 100 * mib; config.s3_part_bytes += 13 * mib + 1) {
        assert_int_equal(object_s3.block_bytes(&store, -1), config.s3_part_bytes);
        for (int64_t size = 0; size < 5 * tib; size += size / 3 + 999983) {
            int64_t block = object_s3.block_bytes(&store, size);

            assert_true(block >= config.s3_part_bytes);
            assert_true(size / block + 1 <= S3_PARTS_MAX);
            assert_true(block == config.s3_part_bytes || block - mib <= size / (S3_PARTS_MAX - 1) + 1);
        }
    }
}

static void a_file_in_s3_can_not_be_had_without_the_settings(void **state)
{
    struct unit *unit = *state;
    struct config config;
    struct object_store store = {.config = &config};
    const struct object object = {.key = "uploads/x/y", .upload = "", .size = 1};
    int64_t size;

    config_init(&config);
    assert_refused(object_s3.size(&store, &unit->arena, &object, &size, &unit->err), &unit->err, ERR_BUG,
                   "a file is in S3, but the settings s3_... do not say where");
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(each_back_end_is_found_by_its_name),
        PROMISE(new_files_go_where_the_setting_says),
        PROMISE(no_file_needs_more_parts_than_s3_takes),
        PROMISE(a_file_in_s3_can_not_be_had_without_the_settings),
    };

    return KEEP_PROMISES(promises);
}
