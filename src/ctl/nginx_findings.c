#include "ctl/nginx_findings.h"

#include "app/nginx_number.h"
#include "ctl/nginx_model.h"

#include <stdarg.h>
#include <stdio.h>

enum { WHAT_BYTES = 600 };

/* clang-format off */
const struct nginx_kind_row nginx_kinds[NGINX_KINDS] = {
    [NGINX_OPEN] = {"open",
        "these paths are served to everybody without a log-in",
        "include " NGINX_DIR "/mayfly-protect.conf; or mayfly-public.conf of that folder where everybody may pass, or "
        "internal; where only nginx itself goes",
        false},
    [NGINX_REGEX] = {"regex",
        "nginx prefers a regular expression to a prefix, so what this one matches leaves the gated location",
        "include " NGINX_DIR "/mayfly-protect.conf; in it too, or write ^~ before the gated prefix",
        false},
    [NGINX_NESTED] = {"nested",
        "a nested location inherits auth_request, but nothing that is set by set, so the stricter rule "
        "around it does not count here",
        "include the snippet and set $mayfly_require in the nested location too",
        false},
    [NGINX_OFF] = {"off",
        "auth_request off removes the gate from this location",
        "remove auth_request off, or include " NGINX_DIR "/mayfly-public.conf, which tells the app who it is",
        false},
    [NGINX_REACHED] = {"reached",
        "a gated location leads here, but clients can reach it without the gate, or the app is not told the identity",
        "include the gated location's snippet here too; and internal; where only nginx itself goes",
        false},
    [NGINX_EARLY] = {"early",
        "nginx runs return, rewrite and if before it asks the gate, so everybody gets this answer",
        "answer in a location of its own behind try_files or error_page, or name it public with "
        "mayfly-public.conf",
        false},
    [NGINX_SATISFY] = {"satisfy",
        "with satisfy any an address or a password of nginx's own is enough to pass the gate",
        "satisfy all; and for networks a rule of the site: any net:192.0.2.0/24",
        false},
    [NGINX_IDENTITY] = {"identity",
        "nginx inherits none of these lines where a block has its own, so the app is not told who it is, "
        "gets mayfly's cookie, and believes what a client sends as X-Auth-User",
        "include the snippet in the block that has its own lines, beside them",
        false},
    [NGINX_FORGED] = {"forged",
        "the app gets this beside the gate's headers, and may trust it",
        "remove the line; the snippet sends it, and a file of nginx's own, such as fastcgi_params, belongs "
        "before the snippet",
        false},
    [NGINX_BACKEND] = {"backend",
        "a client that reaches this address bypasses nginx, and may send any X-Auth-User",
        "let the app listen on 127.0.0.1 or a unix socket, or close the port to all but this host",
        false},
    [NGINX_AROUND] = {"around",
        "the same app is served here without the gate",
        "include the gate there too, let that server listen on 127.0.0.1 only, or remove it",
        false},
    [NGINX_ERROR_PAGE] = {"error-page",
        "the gate's own pages for 401, 403 and 500 do not count here, so visitors are not led to the log-in, and an "
        "outage looks like something else",
        "put the error_page behind the snippet, in the same block, and leave 401, 403 and 500 to it",
        false},
    [NGINX_ALIAS] = {"alias",
        "without a / at the end of the location a path such as /name../x is outside of the folder that is "
        "meant",
        "write location /name/ { alias /folder/; }",
        false},
    [NGINX_NAMES] = {"header-names",
        "an app that turns - into _ takes a client's X_Auth_User for the gate's X-Auth-User",
        "underscores_in_headers off; ignore_invalid_headers on; as they are when nothing is said",
        false},
    [NGINX_SLASHES] = {"slashes",
        "//admin is then not /admin for nginx's locations, but is for many apps",
        "merge_slashes on; as it is when nothing is said",
        false},
    [NGINX_INTERNAL] = {"internal",
        "clients can reach a location that only nginx should use, with headers of their own",
        "internal; in the location, as mayfly-gate.conf has it",
        false},
    [NGINX_NO_GATE] = {"no-gate",
        "auth_request asks an address that is not the gate's, and whatever answers it with 200 lets "
        "everybody pass",
        "include " NGINX_DIR "/mayfly-gate.conf; once in the server",
        false},
    [NGINX_GATE_HEADERS] = {"gate-headers",
        "the gate gets all headers that the client sends",
        "proxy_pass_request_headers off; in the location, as mayfly-gate.conf has it",
        false},
    [NGINX_SNIPPET] = {"snippet",
        "the copy in nginx's folder is not the installed file, and may lack what is checked here",
        NGINX_UPDATE " as root: it puts links to the installed files in the place of copies",
        false},
    [NGINX_RULE] = {"rule",
        "a rule that can't be read lets nobody pass, and a rule with unknown names is a mistake",
        "write it as in mayfly-rules(5), with names that exist",
        false},
    [NGINX_CACHE] = {"cache",
        "the answer to one person is sent to the next one",
        "a key with $http_cookie in it, or no cache behind the gate",
        false},
    [NGINX_NO_SITE] = {"no-site",
        "the gate lets nobody pass at a name that is no site",
        "mayflyctl site add NAME ORIGIN --require RULE, or remove the name",
        false},
    [NGINX_NO_SERVER] = {"no-server",
        "no server block with the gate has this name, so another one answers for it, perhaps without the gate",
        "a server block with this server_name and the gate, or mayflyctl site remove",
        false},
    [NGINX_TLS] = {"tls",
        "browsers keep the gate's cookie only over https, and plain http can be read on the way",
        "listen 443 ssl; with a certificate, and a redirect on port 80",
        false},
    [NGINX_UNJUDGED] = {"unjudged",
        "this check can't tell what it does, so it counts as open",
        "write it in a way that can be read, or look at it yourself",
        false},
    [NGINX_WEBSOCKET] = {"websocket",
        "without the upgrade headers a WebSocket ends as an ordinary request",
        "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "
        "upgrade; beside the snippet",
        true},
    [NGINX_NETWORK] = {"network",
        "others in that network may reach the app without nginx",
        "let a packet filter or the app itself take connections of this host only",
        true},
};
/* clang-format on */

/* The place that an administrator wrote: for a directive of a snippet, the include of the snippet. */
static const struct nginx_directive *place_of(const struct nginx_directive *at)
{
    while (at->via != NULL && nginx_is_ours(at))
        at = at->via;
    return at;
}

bool nginx_found(struct nginx_findings *findings, enum nginx_kind kind, const struct nginx_directive *at,
                 const char *where, struct err *err, const char *what, ...)
{
    struct nginx_finding *finding;
    char text[WHAT_BYTES];
    va_list values;

    if (findings->count + findings->hints == NGINX_FINDINGS_MAX) {
        findings->dropped++;
        return true;
    }
    va_start(values, what);
    vsnprintf(text, sizeof text, what, values);
    va_end(values);
    finding = arena_zalloc(findings->arena, sizeof *finding);
    if (finding == NULL)
        return err_memory(err);
    at = at != NULL ? place_of(at) : NULL;
    *finding = (struct nginx_finding){.kind = kind,
                                      .file = at != NULL ? at->file : "",
                                      .line = at != NULL ? at->line : 0,
                                      .where = where,
                                      .what = arena_strdup(findings->arena, text)};
    if (findings->last != NULL)
        findings->last->next = finding;
    else
        findings->first = finding;
    findings->last = finding;
    if (nginx_kinds[kind].is_hint)
        findings->hints++;
    else
        findings->count++;
    return finding->what != NULL || err_memory(err);
}
