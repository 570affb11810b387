/* What becomes of a request: it passes, or its sender is asked to log in or for a proof, or it is refused. */
#include "gate/rules.h"

#include "unit.h"

static const struct uuid ann = {.bytes = {1}}, bob = {.bytes = {2}};
static const char *const staff[] = {"other", "staff"};

/* A request of nobody, from outside, for "/". */
static struct rules_facts nobody(void)
{
    return (struct rules_facts){.method = "GET", .target = "/", .address = "198.51.100.7"};
}

/* A session of ann's, who is of the group staff, has proved one factor an hour ago. */
static struct rules_facts somebody(void)
{
    struct rules_facts facts = nobody();

    facts.account = &ann;
    facts.groups = staff;
    facts.group_count = COUNT(staff);
    facts.factors = 1;
    facts.proof_age_s = 3600;
    return facts;
}

/* In which ann and bob have their accounts. */
static struct rules read_rules(struct unit *unit, const char *text)
{
    struct rules_value *user = NULL;
    struct rules_place place;
    struct rules rules;

    assert_granted(rules_read(&unit->arena, text, strlen(text), &rules, &place, &unit->err), &unit->err);
    while ((user = rules_next_user(&rules, user)) != NULL) {
        user->account = strcmp(user->text, "ann") == 0 ? ann : bob;
        user->known = true;
    }
    return rules;
}

static struct rules_judgement judge(struct unit *unit, const char *text, struct rules_facts facts)
{
    struct rules rules = read_rules(unit, text);

    return rules_judge(&rules, &facts);
}

static const char *word(enum rules_verdict verdict)
{
    static const char *const words[] = {"forbidden", "log in", "step up", "pass"};

    return words[verdict];
}

#define assert_verdict(unit, text, facts, expected)                                                                    \
    do {                                                                                                               \
        enum rules_verdict seen = judge(unit, text, facts).verdict;                                                    \
        if (seen != (expected))                                                                                        \
            fail_msg("%s: %s instead of %s", text, word(seen), word(expected));                                        \
    } while (0)

static void nobody_passes_by_no_rules(void **state)
{
    struct rules none = {.rows = 0};
    struct rules_facts facts = somebody();

    (void)state;
    facts.factors = RULES_FACTORS_MAX;
    facts.proof_age_s = 0;
    assert_int_equal(rules_judge(&none, &facts).verdict, RULES_FORBIDDEN);
    facts.account = NULL;
    assert_int_equal(rules_judge(&none, &facts).verdict, RULES_FORBIDDEN);
    assert_int_equal(RULES_FORBIDDEN, 0);
}

static void public_is_everybody(void **state)
{
    struct unit *unit = *state;

    assert_verdict(unit, "public", nobody(), RULES_PASS);
    assert_verdict(unit, "public", somebody(), RULES_PASS);
}

static void any_is_whoever_is_logged_in(void **state)
{
    struct unit *unit = *state;

    assert_verdict(unit, "any", nobody(), RULES_LOG_IN);
    assert_verdict(unit, "any", somebody(), RULES_PASS);
}

static void a_user_is_an_account_and_not_a_name(void **state)
{
    struct unit *unit = *state;
    struct rules rules = read_rules(unit, "user:ann");
    struct rules_facts facts = somebody();

    assert_verdict(unit, "user:ann", nobody(), RULES_LOG_IN);
    assert_verdict(unit, "user:ann", somebody(), RULES_PASS);
    assert_verdict(unit, "user:bob", somebody(), RULES_FORBIDDEN);
    assert_verdict(unit, "user:bob,ann", somebody(), RULES_PASS);
    /* Nobody is the one whose account was not looked for. */
    rules.values[0].known = false;
    assert_int_equal(rules_judge(&rules, &facts).verdict, RULES_FORBIDDEN);
}

static void groups_are_written_as_they_are(void **state)
{
    struct unit *unit = *state;

    assert_verdict(unit, "group:staff", nobody(), RULES_LOG_IN);
    assert_verdict(unit, "group:staff", somebody(), RULES_PASS);
    assert_verdict(unit, "group:Staff", somebody(), RULES_FORBIDDEN);
    assert_verdict(unit, "group:staf", somebody(), RULES_FORBIDDEN);
    assert_verdict(unit, "group:staff2", somebody(), RULES_FORBIDDEN);
    assert_verdict(unit, "group:a,staff", somebody(), RULES_PASS);
    assert_verdict(unit, "group:staff group:other", somebody(), RULES_PASS);
    assert_verdict(unit, "group:staff group:admin", somebody(), RULES_FORBIDDEN);
}

/* A session that has ended leaves groups in no one's hands: who is not logged in has none. */
static void groups_without_an_account_are_none(void **state)
{
    struct unit *unit = *state;
    struct rules_facts facts = somebody();

    facts.account = NULL;
    assert_verdict(unit, "group:staff", facts, RULES_LOG_IN);
    assert_verdict(unit, "group:staff factor:1 recent:86400", facts, RULES_LOG_IN);
}

static void one_row_is_enough_and_all_of_its_terms_are_needed(void **state)
{
    struct unit *unit = *state;

    assert_verdict(unit, "group:admin | user:ann", somebody(), RULES_PASS);
    assert_verdict(unit, "user:ann | group:admin", somebody(), RULES_PASS);
    assert_verdict(unit, "group:staff user:bob | group:admin", somebody(), RULES_FORBIDDEN);
    assert_verdict(unit, "group:staff user:ann", somebody(), RULES_PASS);
    assert_int_equal(judge(unit, "group:admin | any | user:ann", somebody()).row, 1);
}

static void a_factor_that_is_missing_is_asked_for(void **state)
{
    struct unit *unit = *state;
    struct rules_facts facts = somebody();
    struct rules_judgement judgement = judge(unit, "group:staff factor:2", facts);

    assert_int_equal(judgement.verdict, RULES_STEP_UP);
    assert_int_equal(judgement.factors, 2);
    assert_int_equal(judgement.recent_s, 0);
    assert_verdict(unit, "group:staff factor:1", facts, RULES_PASS);
    facts.factors = 2;
    assert_verdict(unit, "group:staff factor:2", facts, RULES_PASS);
    /* Of whom it would not help, nothing is asked. */
    assert_verdict(unit, "group:admin factor:2", somebody(), RULES_FORBIDDEN);
    assert_verdict(unit, "any factor:2 net:10.0.0.0/8", somebody(), RULES_FORBIDDEN);
    assert_verdict(unit, "any factor:2", nobody(), RULES_LOG_IN);
    /* Who passes by another row needs none. */
    assert_verdict(unit, "any factor:2 | user:ann", somebody(), RULES_PASS);
}

static void a_proof_grows_old(void **state)
{
    struct unit *unit = *state;
    struct rules_facts facts = somebody();
    struct rules_judgement judgement = judge(unit, "any recent:600", facts);

    assert_int_equal(judgement.verdict, RULES_STEP_UP);
    assert_int_equal(judgement.recent_s, 600);
    assert_int_equal(judgement.factors, 0);
    judgement = judge(unit, "any recent:600 factor:2", facts);
    assert_int_equal(judgement.factors, 2);
    assert_int_equal(judgement.recent_s, 600);
    facts.proof_age_s = 600;
    assert_verdict(unit, "any recent:600", facts, RULES_PASS);
    facts.proof_age_s = 601;
    assert_verdict(unit, "any recent:600", facts, RULES_STEP_UP);
    facts.proof_age_s = -RULES_SKEW_S;
    assert_verdict(unit, "any recent:600", facts, RULES_PASS);
    facts.proof_age_s = -RULES_SKEW_S - 1;
    assert_verdict(unit, "any recent:600", facts, RULES_STEP_UP);
    facts.proof_age_s = INT64_MIN;
    assert_verdict(unit, "any recent:600", facts, RULES_STEP_UP);
}

static void the_first_row_that_a_proof_helps_is_asked_for(void **state)
{
    struct unit *unit = *state;
    struct rules_judgement judgement = judge(unit, "group:admin factor:2 | any recent:60 | any factor:2", somebody());

    assert_int_equal(judgement.verdict, RULES_STEP_UP);
    assert_int_equal(judgement.recent_s, 60);
    assert_int_equal(judgement.factors, 0);
    assert_int_equal(judgement.row, 1);
}

static void a_key_passes_where_keys_may_only(void **state)
{
    struct unit *unit = *state;
    struct rules_facts facts = somebody();

    assert_verdict(unit, "any key", nobody(), RULES_LOG_IN);
    assert_verdict(unit, "any key", somebody(), RULES_FORBIDDEN);
    facts.by_key = true;
    facts.factors = 2;
    facts.proof_age_s = 0;
    assert_verdict(unit, "any key", facts, RULES_PASS);
    assert_verdict(unit, "group:staff key", facts, RULES_PASS);
    assert_verdict(unit, "group:admin key", facts, RULES_FORBIDDEN);
    assert_verdict(unit, "user:ann key path:/api/", facts, RULES_FORBIDDEN);
    assert_verdict(unit, "any", facts, RULES_FORBIDDEN);
    assert_verdict(unit, "group:staff | user:ann factor:2 recent:60", facts, RULES_FORBIDDEN);
    assert_verdict(unit, "group:staff | any key", facts, RULES_PASS);
    assert_verdict(unit, "public path:/", facts, RULES_PASS);
    facts.factors = 0;
    assert_verdict(unit, "any factor:2", facts, RULES_FORBIDDEN);
}

static void a_network_has_its_own_addresses(void **state)
{
    static const struct {
        const char *rule, *address;
        enum rules_verdict verdict;
    } cases[] = {
        {"public net:192.0.2.0/24", "192.0.2.255", RULES_PASS},
        {"public net:192.0.2.0/24", "192.0.3.0", RULES_FORBIDDEN},
        {"public net:192.0.2.0/24", "::ffff:192.0.2.9", RULES_PASS},
        {"public net:192.0.2.7", "192.0.2.7", RULES_PASS},
        {"public net:192.0.2.7", "192.0.2.6", RULES_FORBIDDEN},
        {"public net:0.0.0.0/0", "198.51.100.7", RULES_PASS},
        {"public net:0.0.0.0/0", "2001:db8::1", RULES_FORBIDDEN},
        {"public net:::/0", "2001:db8::1", RULES_PASS},
        {"public net:::/0", "198.51.100.7", RULES_FORBIDDEN},
        {"public net:::ffff:192.0.2.0/120", "192.0.2.1", RULES_PASS},
        {"public net:2001:db8::/33", "2001:db8:7fff::1", RULES_PASS},
        {"public net:2001:db8::/33", "2001:db8:8000::1", RULES_FORBIDDEN},
        {"public net:10.0.0.0/8,2001:db8::/32", "2001:db8::1", RULES_PASS},
        {"public net:0.0.0.0/0,::/0", "unix:", RULES_FORBIDDEN},
        {"public net:0.0.0.0/0,::/0", "", RULES_FORBIDDEN},
        {"public net:0.0.0.0/0,::/0", "192.0.2.1:80", RULES_FORBIDDEN},
        /* A log-in does not help from elsewhere. */
        {"any net:10.0.0.0/8", "192.0.2.1", RULES_FORBIDDEN},
        {"any net:10.0.0.0/8", "10.1.2.3", RULES_LOG_IN},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rules_facts facts = nobody();

        facts.address = cases[i].address;
        assert_verdict(unit, cases[i].rule, facts, cases[i].verdict);
    }
}

static void a_method_is_the_one_that_was_sent(void **state)
{
    static const struct {
        const char *method;
        enum rules_verdict verdict;
    } cases[] = {
        {"GET", RULES_PASS},       {"HEAD", RULES_FORBIDDEN}, {"get", RULES_FORBIDDEN}, {"POST", RULES_PASS},
        {"GETX", RULES_FORBIDDEN}, {"", RULES_FORBIDDEN},     {"GE", RULES_FORBIDDEN},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rules_facts facts = nobody();

        facts.method = cases[i].method;
        assert_verdict(unit, "public method:GET,POST", facts, cases[i].verdict);
    }
}

/* Each of these asks an app for /admin while it looks like something beneath /static/, or like the other way round. */
static void no_trick_of_a_path_opens_it(void **state)
{
    static const char *const tricks[] = {
        "/admin",
        "/static",
        "/staticx/a",
        "/Static/a",
        "/STATIC/a",
        "/static/../admin",
        "/static/%2e%2e/admin",
        "/static/%2E./admin",
        "/static/..%2fadmin",
        "/static/..%5cadmin",
        "/static/..\\admin",
        "/static/%252e%252e/admin",
        "/static/..;/admin",
        "/static/..;x=y/admin",
        "/static/;/../admin",
        "/static/.;/../admin",
        "/static//../admin",
        "//static/../admin",
        "/static/.../admin.",
        "/static/.. /admin",
        "/static/..%20/admin",
        "/static/..%00/admin",
        "/static/%c0%ae%c0%ae/admin",
        "/static/\xEF\xBC\x8E\xEF\xBC\x8E/admin",
        "/static/%e2%80%a5/admin",
        "/admin?/static/a",
        "/admin#/static/a",
        "/admin%3f/static/a",
        "/admin/..;/static/a",
        "/admin/%2e%2e/static/a",
        "/admin/../static/a",
        "/./static/a",
        "//static/a",
        "/static%2fa",
        "/%2fstatic/a",
        "\\static\\a",
        "static/a",
        "http://other/static/a",
        "*",
        "",
        "/static/%",
        "/static/%2",
        "/static/%g0",
        "/static/a%0d%0aX-Auth-User:%20root",
    };
    struct unit *unit = *state;
    struct rules_facts facts = nobody();

    for (size_t i = 0; i < COUNT(tricks); i++) {
        facts.target = tricks[i];
        if (judge(unit, "public path:/static/ | any", facts).verdict != RULES_LOG_IN)
            fail_msg("%s", tricks[i]);
    }
    facts.target = "/static/css/a.css?v=/../2";
    assert_verdict(unit, "public path:/static/ | any", facts, RULES_PASS);
    facts.target = "/%73tatic/%61";
    assert_verdict(unit, "public path:/static/ | any", facts, RULES_PASS);
}

/* Such as GitLab's, whose names of projects have %2F in them. */
static void a_path_in_two_ways_is_no_hindrance_where_no_path_is_asked_for(void **state)
{
    struct unit *unit = *state;
    struct rules_facts facts = somebody();

    facts.target = "/api/v4/projects/a%2Fb";
    assert_verdict(unit, "group:staff", facts, RULES_PASS);
    assert_verdict(unit, "group:staff path:/api/", facts, RULES_FORBIDDEN);
}

static void the_same_facts_are_judged_the_same(void **state)
{
    struct unit *unit = *state;
    struct rules rules = read_rules(unit, "user:bob factor:2 | group:staff recent:60 path:/a/ | public method:HEAD");
    struct rules_facts facts = somebody();
    struct rules_judgement first;

    facts.target = "/a/b";
    first = rules_judge(&rules, &facts);
    assert_int_equal(first.verdict, RULES_STEP_UP);
    facts.target = "/b";
    assert_int_equal(rules_judge(&rules, &facts).verdict, RULES_FORBIDDEN);
    facts.target = "/a/b";
    assert_int_equal(first.recent_s, 60);
}

static void nobody_is_asked_for_a_key_but_where_one_passes(void **state)
{
    static const struct {
        const char *rules, *target;
        bool by_key;
    } asked[] = {
        {"any", "/", false},
        {"any key", "/", true},
        {"any | group:bots key", "/", true},
        {"group:bots key | any", "/", true},
        {"any | any key path:/api/", "/", false},
        {"any | any key path:/api/", "/api/x", true},
        {"any | any key path:/api/", "/api/..%2fx", false},
        {"any key net:192.0.2.0/24", "/", false},
        {"any key method:POST | any", "/", false},
        {"public | any key", "/", false},
        {"group:staff net:192.0.2.0/24", "/", false},
    };
    struct unit *unit = *state;

    for (size_t i = 0; i < COUNT(asked); i++) {
        struct rules_facts facts = nobody();

        facts.target = asked[i].target;
        if (judge(unit, asked[i].rules, facts).by_key != asked[i].by_key)
            fail_msg("%s at %s", asked[i].rules, asked[i].target);
        facts = somebody();
        facts.target = asked[i].target;
        assert_false(judge(unit, asked[i].rules, facts).by_key);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(nobody_passes_by_no_rules),
        PROMISE(public_is_everybody),
        PROMISE(any_is_whoever_is_logged_in),
        PROMISE(a_user_is_an_account_and_not_a_name),
        PROMISE(groups_are_written_as_they_are),
        PROMISE(groups_without_an_account_are_none),
        PROMISE(one_row_is_enough_and_all_of_its_terms_are_needed),
        PROMISE(a_factor_that_is_missing_is_asked_for),
        PROMISE(a_proof_grows_old),
        PROMISE(the_first_row_that_a_proof_helps_is_asked_for),
        PROMISE(a_key_passes_where_keys_may_only),
        PROMISE(nobody_is_asked_for_a_key_but_where_one_passes),
        PROMISE(a_network_has_its_own_addresses),
        PROMISE(a_method_is_the_one_that_was_sent),
        PROMISE(no_trick_of_a_path_opens_it),
        PROMISE(a_path_in_two_ways_is_no_hindrance_where_no_path_is_asked_for),
        PROMISE(the_same_facts_are_judged_the_same),
    };

    return KEEP_PROMISES(promises);
}
