/*
 * Limits that depend on each other. Each assertion says that what may be stored can be shown, or that what is accepted
 * can be completed. If two limits disagree, requests fail for ever with an error that no user can avoid. t/4550 tries
 * the extremes on the stack, and compares nginx's limits with the same numbers.
 */
#include "app/file/csv.h"
#include "app/page/page_limit.h"
#include "base/jsonb.h"
#include "base/text_limit.h"
#include "http/disposition.h"
#include "http/json.h"
#include "http/multipart.h"
#include "http/response.h"
#include "http/tus.h"
#include "media/media_type.h"
#include "store/document.h"
#include "store/file.h"
#include "store/file_link.h"
#include "store/key.h"
#include "store/session.h"

enum {
    /* The longest form of a byte of text: &quot; on a page; in JSON \" or, for a control character, \u001f. */
    ON_PAGE = 6,
    IN_JSON = 2,
    IN_JSON_CONTROL = 6,
    /* The longest form of a character: in UTF-8, and, of a character of one byte, in JSON and on a page. */
    CHARACTER_ON_PAGE = 6,
    CHARACTER_IN_JSON = 4,
    /* The constant text around: names of members, ids, times and numbers. */
    JSON_AROUND = 400,
    FILE_AROUND = 3 * 1024,  /* of an item of files.html */
    SESSION_AROUND = 1024,   /* of an item of account.html */
    PAGE_AROUND = 64 * 1024, /* of a page without its lists: header, forms, a profile with its names and 100 groups */
    NAMES_OF_FILE = 7,       /* how often files.html has the name of a file */
    AGENTS_OF_SESSION = 2,   /* how often account.html has the User-Agent of a session */
    USER_AGENT_MAX = 256,    /* characters, as in base/text_limit.c; t/4550 compares */
    /* Of a key, without its name, which account.html has twice: an item with the names of its sites. */
    KEY_AROUND = 1024 + KEY_SITES_MAX * (40 + 2),
    KEY_NAME_MAX = 60,      /* characters, as in base/text_limit.c */
    TILE_AROUND = 3 * 1024, /* of a site on the front page: its markup and its origin, escaped */
    TILE_TITLE_MAX = 200,   /* characters, as in the schema */
    KEYS_MAX = 100,         /* the highest value of keys_per_account */
    HEADERS_AROUND = 2048,  /* Location, Upload-Offset, Upload-Expires, a cookie, what scripts of a site may read */
    NAME_MAX = DISPOSITION_NAME_BYTES - 1,
};

#define FITS(what, most, reason) _Static_assert((long long)(what) <= (long long)(most), reason)

FITS(MULTIPART_PARTS_MAX *(JSON_AROUND + IN_JSON * (NAME_MAX + MEDIA_TYPE_BYTES)), RESPONSE_BODY_MAX,
     "a form's files are all told of in its answer");
FITS(FILE_PAGE_MAX *(JSON_AROUND + IN_JSON * (NAME_MAX + MEDIA_TYPE_BYTES)), RESPONSE_BODY_MAX,
     "a page of the list of files fits an answer");
FITS(PAGE_AROUND + (PAGE_FILES_MAX + 1) * (FILE_AROUND + ON_PAGE * (NAMES_OF_FILE * NAME_MAX + MEDIA_TYPE_BYTES)),
     RESPONSE_BODY_MAX, "the files' page fits an answer, whatever the names are");
FITS(FILE_LINKS_MAX *SESSION_AROUND + PAGE_AROUND, RESPONSE_BODY_MAX, "a file's links fit a page and an answer");
FITS(SESSION_LIST_MAX *(JSON_AROUND + CHARACTER_IN_JSON * USER_AGENT_MAX), RESPONSE_BODY_MAX,
     "the list of sessions fits an answer");
FITS(PAGE_AROUND + PAGE_SESSIONS_MAX * (SESSION_AROUND + AGENTS_OF_SESSION * CHARACTER_ON_PAGE * USER_AGENT_MAX) +
         PAGE_KEYS_MAX * (KEY_AROUND + 2 * CHARACTER_ON_PAGE * KEY_NAME_MAX) + 2 * ON_PAGE * PAGE_DOCUMENT_BYTES,
     RESPONSE_BODY_MAX, "the account's page opens, whatever is in the two documents");
FITS(PAGE_AROUND + 6 * ON_PAGE * PAGE_TYPED_BYTES, RESPONSE_BODY_MAX, "a form that was refused is shown again");
FITS(KEYS_MAX *(KEY_AROUND + CHARACTER_IN_JSON * KEY_NAME_MAX), RESPONSE_BODY_MAX, "the list of keys fits an answer");
FITS(PAGE_AROUND + PAGE_SITES_MAX * (TILE_AROUND + CHARACTER_ON_PAGE * TILE_TITLE_MAX), RESPONSE_BODY_MAX,
     "the front page fits an answer, whatever sites are called");
FITS(DOCUMENT_MAX_BYTES, RESPONSE_BODY_MAX, "a document fits an answer");
FITS(JSONB_MAX_DEPTH, JSON_MAX_DEPTH, "a document that was taken can be read again");
FITS(JSON_AROUND + CSV_COLUMNS_MAX * (IN_JSON_CONTROL * CSV_FIELD_BYTES + 16) + CSV_BAD_MAX * 256, RESPONSE_BODY_MAX,
     "what is known of a CSV fits an answer");
FITS(HEADERS_AROUND + TUS_METADATA_BYTES + TUS_CONCAT_BYTES, RESPONSE_HEADERS_MAX,
     "HEAD gives back what an upload was created with");
FITS(HEADERS_AROUND + DISPOSITION_BYTES, RESPONSE_HEADERS_MAX, "a file's name fits the head of its answer");
