#include "app/api.h"
#include "app/file/file_reader.h"
#include "app/file/file_tag.h"
#include "app/once.h"
#include "app/page/page.h"
#include "app/page/query.h"
#include "store/file_link.h"

#include <string.h>

/*
 * GET and POST /shared/TOKEN: the file of a link, for anybody who has the link, without a log-in.
 *
 * If the link has a number of downloads, a GET counts one and answers with the bytes. It does not count for a browser
 * (Accept: text/html), for a prefetch, or for a program that makes previews for a chat: these get a page with a button.
 * The button's POST counts, and leads to the bytes with a ticket (?use=), which stands for that use. store/file_link.h
 * says what a use allows.
 */

#define SHARED "/shared/"

/*
 * The address is secret. It must not be sent in Referer, not even to this site, because the error log of nginx has that
 * header, and it must not be indexed by search engines.
 */
bool shared_add_headers(struct exchange *x, struct err *refused, struct err *err)
{
    bool told = response_header_find(&x->response, &x->arena, "Referrer-Policy") != NULL;

    (void)refused;
    return (told || response_header(&x->response, "Referrer-Policy", "no-referrer", err)) &&
           response_header(&x->response, "X-Robots-Tag", "noindex, nofollow", err);
}

static bool no_link(struct err *err)
{
    return err_set(err, ERR_ABSENT, "the link is not valid or has expired; ask the sender for a new one");
}

/* A request for a link, and the holder of its use. */
struct wish {
    struct file_link_state link;
    struct file_link_holder holder;
    bool by_ticket;
    int64_t bytes; /* of the file that it asks for */
};

static bool read_wish(struct exchange *x, struct wish *wish, struct err *err)
{
    const char *ticket;

    *wish = (struct wish){.bytes = 0};
    if (!query_text(x, "use", &ticket, err))
        return false;
    wish->by_ticket = ticket != NULL;
    if (wish->by_ticket)
        file_link_held_by_ticket(ticket, &wish->holder);
    else
        file_link_held_by_address(x->request.address, &wish->holder);
    return file_link_find(&x->services->files, &x->services->secret, &x->arena, x->match.parameter, &wish->holder,
                          &wish->link, err) == DB_ROW ||
           no_link(err);
}

/* --- GET */

static bool has_word(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

/*
 * Whether the program makes previews of links in chats or mails, by its name. No browser, and not curl, has one of
 * these words in its name.
 */
static bool makes_previews(const char *agent)
{
    static const char *const words[] = {
        "bot",      "preview",        "crawler",  "spider",     "facebookexternalhit",
        "whatsapp", "slack-imgproxy", "embedly",  "pinterest",  "google-safety",
        "viber",    "snapchat",       "iframely", "mattermost",
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (has_word(agent, words[i]))
            return true;
    return false;
}

/*
 * Whether the request may not be a person's wish to download: a prefetch (Sec-Purpose), a preview, or a browser before
 * the button.
 */
static bool is_asked_first(const struct exchange *x)
{
    const struct request *request = &x->request;

    return has_word(request->accept, "text/html") || has_word(request->sec_purpose, "prefetch") ||
           has_word(request->purpose, "prefetch") || has_word(request->purpose, "preview") ||
           makes_previews(request->user_agent);
}

static bool use(struct exchange *x, void *arg, struct err *err)
{
    const struct wish *wish = arg;

    return file_link_use(&x->services->files, &x->arena, &wish->link, &wish->holder, wish->bytes, err) == DB_ROW ||
           no_link(err);
}

/*
 * Counts once, also when nginx tries another pool. A client that asks again uses the link again, whatever key it sends.
 * The beginning of the answer is made before, and is not part of the outcome.
 */
static bool count(struct exchange *x, struct wish *wish, struct err *err)
{
    const struct response response = x->response;

    x->request.idempotency_key = "";
    if (!once(x, use, wish, err))
        return false;
    x->response = response;
    x->replayed = false;
    return true;
}

/*
 * A retry of nginx may count its bytes twice, which does no harm: a holder may ask for FILE_LINK_TIMES the bytes of the
 * file.
 */
static bool settle(struct exchange *x, struct wish *wish, bool begins, struct err *err)
{
    if (wish->by_ticket || (!begins && wish->link.is_held)) {
        switch (file_link_go_on(&x->services->files, &x->arena, &wish->link, &wish->holder, wish->bytes, err)) {
        case DB_FAIL:
            return false;
        case DB_ROW:
            return true;
        case DB_NONE:
            break;
        }
    }
    return !wish->by_ticket ? count(x, wish, err) : no_link(err);
}

/*
 * Reads the first bytes before counting, so that a file that the storage can't give does not count. nginx would fetch
 * them from the storage after the answer, so it does not send this file itself (file_redirect.h).
 */
static bool send_counted(struct exchange *x, struct wish *wish, struct err *err)
{
    enum file_sends sends = file_sends(x, &wish->link.file, &wish->bytes);

    x->request.storage = "";
    if (sends == FILE_SENDS_NOTHING)
        return (wish->link.left > 0 || wish->link.is_held || no_link(err)) && file_send(x, &wish->link.file, err);
    if (wish->link.left == 0 && !wish->link.is_held)
        return no_link(err);
    return file_send(x, &wish->link.file, err) && settle(x, wish, sends == FILE_SENDS_BEGINNING, err);
}

bool api_shared(struct exchange *x, struct err *err)
{
    struct wish wish;

    if (!read_wish(x, &wish, err))
        return false;
    if (!wish.link.counted)
        return file_send(x, &wish.link.file, err);
    if (x->request.method != METHOD_GET || wish.by_ticket || !is_asked_first(x))
        return send_counted(x, &wish, err);
    return wish.link.left > 0 ? page_shared(x, &wish.link.file, wish.link.left, err) : no_link(err);
}

/* --- POST */

/* Asks the storage before counting: while it can't be reached, or has lost the bytes, nothing counts. */
static bool is_there(struct exchange *x, const struct file *file, struct err *err)
{
    const struct object_ops *back_end = file_back_end(file, err);
    struct err reason = {.kind = ERR_NONE};
    int64_t size;

    if (back_end == NULL)
        return false;
    if (file->size == 0 || back_end->size(&x->services->files.objects, &x->arena, &file->object, &size, &reason))
        return true;
    if (reason.kind == ERR_ABSENT)
        return file_reader_lost(x, &file->id, &file->account, err);
    *err = reason;
    return false;
}

static bool give_ticket(struct exchange *x, void *arg, struct err *err)
{
    struct wish *wish = arg;
    char ticket[FILE_LINK_TICKET_BYTES];
    const char *place;

    file_link_ticket(ticket);
    file_link_held_by_ticket(ticket, &wish->holder);
    place = arena_printf(&x->arena, SHARED "%s?use=%s", x->match.parameter, ticket);
    if (place == NULL)
        return err_memory(err);
    return use(x, wish, err) && response_see_other(&x->response, place, err);
}

bool api_shared_use(struct exchange *x, struct err *err)
{
    const char *place = arena_printf(&x->arena, SHARED "%s", x->match.parameter);
    struct wish wish;
    bool same;

    if (place == NULL)
        return err_memory(err);
    if (!read_wish(x, &wish, err) || !file_tag_check(x, &wish.link.file, &same, err))
        return false;
    if (!wish.link.counted)
        return response_see_other(&x->response, place, err);
    if (wish.link.left == 0)
        return no_link(err);
    return is_there(x, &wish.link.file, err) && once(x, give_ticket, &wish, err);
}
