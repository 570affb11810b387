/* What mayflyctl nginx check finds: each kind for its own reason and at its line, and nothing in what is right. */
#include "base/buf.h"
#include "ctl/nginx_check.h"

#include "unit.h"

/* The gate's snippets in short; t/5720 has the shipped ones, and nginx itself. */
static const char snippets[] =
    "# configuration file /n/nginx.conf:\nhttp { include conf.d/*; }\ninclude stream.d/*;\n"
    "# configuration file /n/snippets/mayfly-ask.conf:\n"
    "auth_request mayfly:gate; auth_request_set $mayfly_user $upstream_http_x_auth_user;\n"
    "error_page 401 = @mayfly_401; error_page 500 = @mayfly_500;\n"
    "# configuration file /n/snippets/mayfly-protect.conf:\ninclude snippets/mayfly-ask.conf;\n"
    "proxy_set_header Cookie $mayfly_cookie; proxy_set_header X-Auth-User $mayfly_user;\n"
    "# configuration file /n/snippets/mayfly-protect-fastcgi.conf:\ninclude snippets/mayfly-ask.conf;\n"
    "fastcgi_param HTTP_COOKIE $mayfly_cookie; fastcgi_param REMOTE_USER $mayfly_user;\n"
    "# configuration file /n/snippets/mayfly-public.conf:\ninclude snippets/mayfly-protect.conf;\n"
    "# configuration file /n/snippets/mayfly-gate.conf:\nunderscores_in_headers off; set $mayfly_prefix /mayfly;\n"
    "location ^~ /mayfly/ { return 404; }\nlocation = mayfly:gate { internal; proxy_pass_request_headers off; "
    "proxy_pass http://mayfly_gate/gate; }\n"
    "location @mayfly_401 { return 401 a; }\n"
    "# configuration file /n/conf.d/site:\n";

#define SERVER(...)                                                                                                    \
    "server { listen 443 ssl; server_name a.example; include snippets/mayfly-gate.conf;\n" __VA_ARGS__ "}\n"
#define GATED "include snippets/mayfly-protect.conf;"
#define APP " proxy_pass http://127.0.0.1:3000; }\n"
#define ALL "location / { " GATED APP

static bool no_group(void *arg, const char *group, bool *exists, struct err *err)
{
    (void)arg;
    (void)err;
    *exists = strcmp(group, "staff") == 0;
    return true;
}

/* "kind:line " of each, hints with a ?. */
static const char *found(struct unit *unit, const char *site, struct nginx_sites *sites)
{
    struct nginx_findings findings = {.arena = &unit->arena};
    struct nginx_config config;
    struct nginx_model model;
    struct buf out;
    const char *text;

    arena_free(&unit->arena);
    arena_init(&unit->arena, NGINX_ARENA_BYTES);
    text = arena_printf(&unit->arena, "%s%s", snippets, site);
    assert_non_null(text);
    buf_init(&out, &unit->arena, 65536);
    if (!nginx_config_read(&unit->arena, text, strlen(text), "given", &config, &unit->err) ||
        !nginx_model_make(&unit->arena, &config, &model, &unit->err) ||
        !nginx_check_locations(&model, &findings, &unit->err) || !nginx_check_apps(&model, &findings, &unit->err) ||
        !nginx_check_around(&model, &findings, &unit->err) || !nginx_check_sites(&model, sites, &findings, &unit->err))
        fail_msg("%s: %s", site, unit->err.detail);
    for (const struct nginx_finding *one = findings.first; one != NULL; one = one->next) {
        assert_true(one->line == 0 || strncmp(one->file, "/n/conf.d/", 10) == 0 ||
                    strcmp(one->file, "/n/stream.d/a") == 0);
        assert_true(buf_printf(&out, "%s%s%s:%d", one != findings.first ? " " : "",
                               nginx_kinds[one->kind].is_hint ? "?" : "", nginx_kinds[one->kind].word, one->line));
    }
    return out.bytes;
}

struct row {
    const char *site, *finds;
};

static void assert_rows(struct unit *unit, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = found(unit, rows[i].site, NULL);

        if (strcmp(got, rows[i].finds) != 0)
            fail_msg("%s\ngives \"%s\", not \"%s\"", rows[i].site, got, rows[i].finds);
    }
}

static void what_is_right_is_not_named(void **state)
{
    static const struct row rows[] = {
        {SERVER(ALL), ""},
        {SERVER("location / { " GATED " root /srv/a; }\nlocation /b/ { " GATED " alias /srv/b/; }"), ""},
        {SERVER(
             ALL
             "location = /robots.txt { return 204; }\nlocation /old { return 301 /new; }\nlocation /x { deny all; }"),
         ""},
        {SERVER(ALL "location /static/ { include snippets/mayfly-public.conf; root /srv/a; }"), ""},
        {SERVER("location / { set $mayfly_require group:admin; " GATED APP), ""},
        {SERVER("location / { " GATED
                " if ($host = b) { return 301 https://a$request_uri; } if ($a) { return 403; }" APP),
         ""},
        {SERVER("error_page 404 /404.html;\n" ALL
                "location = /404.html { internal; root /srv/e; }\nlocation = /x { return 404; }"),
         ""},
        {SERVER("error_page 404 @lost;\n" ALL "location @lost { return 404 lost; }\nlocation = /x { return 404; }"),
         ""},
        {SERVER("location / { " GATED " error_page 404 /404; if ($a) { return 404; }" APP
                "location = /404 { internal; root /srv/e; }"),
         ""},
        {SERVER("location / { " GATED " rewrite ^/a /b break; rewrite ^/c /d last;" APP), ""},
        {SERVER("location / { " GATED " try_files $uri @app; }\nlocation @app { " GATED APP), ""},
        {SERVER("location / { " GATED " error_page 404 /404.html;" APP "location = /404.html { internal; root /srv; }"),
         ""},
        {SERVER("location / { " GATED
                " proxy_set_header Accept-Encoding \"\"; proxy_set_header Remote-User $mayfly_user;" APP),
         ""},
        {SERVER("location / { " GATED " location /a { proxy_pass http://127.0.0.1:3001; } root /a; }"), ""},
        {SERVER("location / { fastcgi_param REMOTE_USER $remote_user; include snippets/mayfly-protect-fastcgi.conf; "
                "fastcgi_pass unix:/run/a; }"),
         ""},
        {SERVER("location / { " GATED " proxy_cache a; proxy_cache_key $http_cookie$uri;" APP), ""},
        /* Not behind the gate at all, and nothing of what is. */
        {SERVER(ALL) "server { listen 80; server_name a.example; return 301 https://a.example$request_uri; }", ""},
        {SERVER(ALL) "server { listen 127.0.0.1:81; location / { proxy_pass http://127.0.0.1:3000; } }", ""},
        {SERVER(ALL) "server { listen 80; server_name b; location / { proxy_pass http://127.0.0.1:3001; } }", ""},
        {"server { listen 80; location / { proxy_pass http://127.0.0.1:3000; } location ~ x { root /a; } }", ""},
    };

    assert_rows(*state, rows, COUNT(rows));
}

static void locations_without_the_gate(void **state)
{
    static const struct row rows[] = {
        {SERVER(ALL "location /api/ { proxy_pass http://127.0.0.1:3001; }"), "open:3"},
        {SERVER(ALL "location = /status { return 200 secret; }"), "open:3"},
        {SERVER("location /a/ { " GATED APP), "open:1"},
        {SERVER(ALL "location ~ \\.png$ { root /srv/a; }"), "regex:3"},
        {SERVER("location ^~ / { " GATED APP "location ~ \\.png$ { root /srv/a; }"), "open:3"},
        {SERVER(ALL "location /a/ { auth_request off; proxy_pass http://127.0.0.1:3001; }"), "open:3"},
        {SERVER("location / { " GATED " root /a;\nlocation /a/ { auth_request off; root /b; } }"), "off:3"},
        {SERVER("auth_request mayfly:gate; error_page 401 = @mayfly_401;\nlocation / { root /a; }\nlocation /b { "
                "auth_request off; root /b; }"),
         "off:4"},
        {SERVER(ALL "location /a/ { auth_request /other; root /b; }"), "unjudged:3"},
        {SERVER(ALL "location /a { deny all; satisfy any; allow 10.0.0.1; root /b; }"), "open:3"},
    };

    assert_rows(*state, rows, COUNT(rows));
}

static void what_is_answered_before_the_gate_is_asked(void **state)
{
    static const struct row rows[] = {
        {SERVER("location / { " GATED "\nreturn 200 secret; }"), "early:3"},
        {SERVER("location / { " GATED "\nreturn 302 /x; }"), "early:3"},
        {SERVER("location / { " GATED "\nif ($a) {\nreturn 200; }" APP), "early:4"},
        {SERVER("if ($a) { return 200 x; }\n" ALL), "early:2"},
        {SERVER("location / { " GATED " error_page 418 = @x;\nif ($a) {\nreturn 418; }" APP
                "location @x { root /srv/b; }"),
         "early:4"},
        {SERVER("location / { " GATED "\nrewrite ^ /in/x last;" APP "location /in/ { internal; root /srv/a; }"),
         "early:3"},
        {SERVER(ALL "rewrite ^/x(.*) /in/$1 last;\nlocation /in/ { internal; root /srv/a; }"), "early:3"},
        {SERVER(ALL "location /p/ { include snippets/mayfly-public.conf;\nrewrite ^ /in/ last; }location /in/ { "
                    "internal; root /srv/a; }"),
         "early:4"},
        {SERVER(
             ALL
             "location /x/ {\nreturn 418; error_page 418 = @x; }\nlocation @x { proxy_pass http://127.0.0.1:3000; }"),
         "early:4 reached:5"},
        {SERVER(ALL
                "error_page 403 = @x;\nlocation /x/ { deny all; }\nlocation @x { proxy_pass http://127.0.0.1:3000; }"),
         "reached:5"},
        {SERVER("location / { " GATED "\nrewrite ^ $arg_a;" APP), "early:3"},
        {SERVER("location /a/ { set $mayfly_require group:staff; " GATED "\nrewrite ^/a/(.*) /b/$1;" APP ALL),
         "early:3"},
        {SERVER("location / { " GATED "\nrewrite_by_lua_block { ngx.exit(200) }" APP), "unjudged:3"},
        {SERVER("location / { " GATED "\nsatisfy any; allow 10.0.0.0/8;" APP), "satisfy:3"},
        {SERVER("satisfy any;\n" ALL), "satisfy:2"},
        {SERVER(ALL) "merge_slashes off;", "slashes:4"},
        {SERVER("ignore_invalid_headers off;\n" ALL), "header-names:2"},
        {SERVER(ALL) "server { listen 443 ssl default_server;\nunderscores_in_headers on; return 444; }",
         "header-names:5"},
        {SERVER("location / { set $mayfly_require group:staff; " GATED "\nlocation /a { root /b; } root /a; }"),
         "nested:3"},
        {"server {\nlocation / { " GATED APP "}", "no-gate:2"},
        {"server {\nlocation = mayfly:gate { internal; return 204; }\nlocation / { " GATED APP "}", "no-gate:2"},
        {"server {\nlocation = mayfly:gate { internal; if ($a) { return 200; } proxy_pass http://a; }\nlocation / "
         "{ " GATED APP "}",
         "no-gate:2"},
        {"server {\nlocation = mayfly:gate { internal; root /a; }\nlocation / { " GATED APP "}", "no-gate:2"},
        {"server { location /a {\nlocation = mayfly:gate { internal; proxy_pass http://a; } return 404; }\nlocation / "
         "{\n" GATED APP "}",
         "no-gate:4"},
        {"server {\nlocation = mayfly:gate { internal; proxy_pass http://127.0.0.1:1; }\nlocation / { " GATED APP "}",
         "gate-headers:2"},
        {"server {\nlocation = mayfly:gate { proxy_pass_request_headers off; proxy_pass http://127.0.0.1:1; "
         "}\nlocation / { " GATED APP "}",
         "internal:2"},
    };

    assert_rows(*state, rows, COUNT(rows));
}

static void what_the_app_is_told(void **state)
{
    static const struct row rows[] = {
        {SERVER("location / { " GATED
                " location /a {\nproxy_set_header A b; proxy_pass http://127.0.0.1:3000; } root /a; }"),
         "identity:3"},
        {SERVER(GATED "\nlocation / {\nproxy_set_header A b;" APP), "identity:4"},
        {SERVER("location / { auth_request mayfly:gate; error_page 401 = @mayfly_401;\n" APP), "identity:3"},
        {SERVER("location / { " GATED "\nfastcgi_pass unix:/run/a; }"), "identity:3"},
        {SERVER("location / { " GATED " location /a {\nauth_request_set $a $b;" APP " root /a; }"), "identity:3"},
        {SERVER("location / { " GATED "\nproxy_set_header X_Auth_User $http_x_auth_user;" APP), "forged:3"},
        {SERVER("location / { " GATED "\nproxy_set_header Cookie $http_cookie;" APP), "forged:3"},
        {SERVER("location / { " GATED "\nset $mayfly_user admin;" APP), "forged:3"},
        {SERVER("location / { include snippets/mayfly-protect-fastcgi.conf;\nfastcgi_param REMOTE_USER $remote_user; "
                "fastcgi_pass unix:/run/a; }"),
         "forged:3"},
        {SERVER("location / { " GATED " location /a {\nerror_page 404 /x; root /b; } root /a; }"), "error-page:3"},
        {SERVER("location / {\nerror_page 403 500 /x; " GATED APP), "error-page:3"},
        {SERVER("location / {\nauth_request mayfly:gate; root /a; }"), "error-page:2"},
        {SERVER("location / { " GATED " try_files $uri @app; }\nlocation @app {\n" APP), "reached:4"},
        {SERVER("location / { " GATED " try_files $uri /app/x; }\nlocation /app/ { root /srv; }"), "reached:3"},
        {SERVER("location / { " GATED " error_page 418 = @x; try_files /a @b; }\nlocation @b {\n" APP
                "location @x { return 200; }"),
         "reached:4"},
        {SERVER("location / { " GATED " try_files $uri @none; }"), "unjudged:2"},
        {SERVER("location / { " GATED "\nproxy_cache a;" APP), "cache:3"},
        {SERVER("proxy_cache a; proxy_cache_key $scheme$host$uri;\n" ALL), "cache:2"},
        {SERVER("location / { " GATED " root /a; }\nlocation /img { " GATED "\nalias /srv/img/; }"), "alias:4"},
        {SERVER(ALL "location /ws { include snippets/mayfly-protect.conf;\n" APP), "?websocket:4"},
    };

    assert_rows(*state, rows, COUNT(rows));
}

static void other_ways_to_the_app(void **state)
{
    static const struct row rows[] = {
        {SERVER(ALL) "server { listen 80; server_name b;\nlocation / { proxy_pass http://127.0.0.1:3000/; } }",
         "around:5"},
        {SERVER(ALL) "server { listen 80; server_name b;\nlocation / { proxy_pass http://localhost:3000; } }",
         "around:5"},
        {SERVER("location / { " GATED " proxy_pass http://app; }") "upstream app { server 127.0.0.1:3000; }\nserver { "
                                                                   "listen 80;\nlocation / { " APP "}",
         "around:5"},
        {SERVER("location / { " GATED
                " root /srv/a/; }") "server { listen 80; server_name b;\nlocation / { root /srv/a; } }",
         "around:4"},
        {SERVER(ALL) "server { listen 3000;\nlocation / { root /srv/a; } }", "around:2"},
        {SERVER(ALL) "# configuration file /n/stream.d/a:\nstream { server { listen 9000;\nproxy_pass 127.0.0.1:3000; "
                     "} }\n",
         "around:2"},
        {SERVER("location / { " GATED "\nproxy_pass http://203.0.113.7:3000; }"), "backend:3"},
        {SERVER("location / { " GATED "\nproxy_pass http://[2001:db8::1]; }"), "backend:3"},
        {SERVER("location / { " GATED "\nproxy_pass http://192.168.1.2:3000; }"), "?network:3"},
        {SERVER("location / { " GATED "\nproxy_pass http://$app:80; }"), "?network:3"},
    };

    assert_rows(*state, rows, COUNT(rows));
}

static void rules_and_sites(void **state)
{
    struct unit *unit = *state;
    static const struct row rows[] = {
        {SERVER("location / {\nset $mayfly_require grup:a; " GATED APP), "rule:3"},
        {SERVER("location / {\nset $mayfly_require group:$a; " GATED APP), "unjudged:3"},
        {SERVER("location / { if ($a) {\nset $mayfly_require group:a; } " GATED APP), "unjudged:3"},
        {SERVER(ALL) "map $uri $mayfly_require { default any; }", "unjudged:4"},
        {SERVER(ALL) "map $http_x_user $mayfly_user { default $http_x_user; }", "forged:4"},
        {SERVER(ALL) "geo $mayfly_groups { default staff; }", "forged:4"},
        {SERVER("location / {\nset $mayfly_require group:staff,nobody; " GATED APP), ""},
    };
    struct nginx_site b = {.name = "b"}, a = {.name = "a", .next = &b};
    struct nginx_sites sites = {.first = &a, .group_exists = no_group};

    assert_rows(unit, rows, COUNT(rows));
    assert_granted(origin_read("https://a.example", &a.origin, &unit->err), &unit->err);
    assert_granted(origin_read("https://b.example/wiki/", &b.origin, &unit->err), &unit->err);
    assert_string_equal(found(unit, SERVER(ALL), &sites), "no-server:0");
    assert_string_equal(found(unit, SERVER(ALL "server_name\nB.example c.example *.d.example _;"), &sites),
                        "no-site:3");
    assert_string_equal(found(unit, SERVER(ALL "server_name\nB.example a;"), &sites), "no-site:3");
    a.next = NULL;
    assert_string_equal(found(unit, SERVER(ALL), &sites), "");
    assert_string_equal(
        found(unit, "server { server_name a.example; include snippets/mayfly-gate.conf; " ALL "}", &sites), "tls:1");
    assert_string_equal(found(unit, SERVER("location / {\nset $mayfly_require group:staff,nobody; " GATED APP), &sites),
                        "rule:3");
}

static void findings_have_a_limit(void **state)
{
    struct unit *unit = *state;
    struct nginx_findings findings = {.arena = &unit->arena};

    for (int i = 0; i < NGINX_FINDINGS_MAX + 7; i++)
        assert_granted(nginx_found(&findings, NGINX_OPEN, NULL, "", &unit->err, "%d", i), &unit->err);
    assert_int_equal(findings.count, NGINX_FINDINGS_MAX);
    assert_int_equal(findings.dropped, 7);
}

static void each_kind_says_why_and_what_to_write(void **state)
{
    (void)state;
    for (int i = 0; i < NGINX_KINDS; i++) {
        assert_true(nginx_kinds[i].word != NULL && nginx_kinds[i].why[0] != '\0' && nginx_kinds[i].instead[0] != '\0');
        for (int k = 0; k < i; k++)
            assert_string_not_equal(nginx_kinds[i].word, nginx_kinds[k].word);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        PROMISE(what_is_right_is_not_named),
        PROMISE(locations_without_the_gate),
        PROMISE(what_is_answered_before_the_gate_is_asked),
        PROMISE(what_the_app_is_told),
        PROMISE(other_ways_to_the_app),
        PROMISE(rules_and_sites),
        PROMISE(findings_have_a_limit),
        PROMISE(each_kind_says_why_and_what_to_write),
    };

    return KEEP_PROMISES(promises);
}
