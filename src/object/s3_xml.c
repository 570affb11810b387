#include "object/s3_xml.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

struct s3_xml {
    XML_Parser parser;
    s3_xml_element *element;
    void *arg;
    struct err *err; /* of the current call */
    size_t total;
    int depth;
    bool stopped; /* after it, expat may still end an empty element */
    bool begun;   /* the root has begun; before it AWS may send white space to keep a connection alive */
    char path[S3_XML_PATH_MAX];
    size_t path_length;
    char text[S3_XML_TEXT_MAX];
    size_t text_length;
};

static void stop(struct s3_xml *xml, const char *why)
{
    err_set(xml->err, ERR_BUG, "S3 answers with XML that %s", why);
    xml->stopped = true;
    XML_StopParser(xml->parser, XML_FALSE);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct s3_xml *xml = arg;
    size_t length = strlen(name), slash = xml->path_length > 0 ? 1 : 0;

    (void)attributes;
    if (++xml->depth > S3_XML_DEPTH_MAX) {
        stop(xml, "is too deep");
        return;
    }
    if (xml->path_length + slash + length >= sizeof xml->path) {
        stop(xml, "has too long names");
        return;
    }
    if (slash)
        xml->path[xml->path_length++] = '/';
    memcpy(xml->path + xml->path_length, name, length + 1);
    xml->path_length += length;
    xml->text_length = 0;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int length)
{
    struct s3_xml *xml = arg;

    if (xml->stopped)
        return;
    if (xml->text_length + (size_t)length >= sizeof xml->text) {
        stop(xml, "has too long a text");
        return;
    }
    memcpy(xml->text + xml->text_length, text, (size_t)length);
    xml->text_length += (size_t)length;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    struct s3_xml *xml = arg;
    size_t length = strlen(name);

    if (xml->stopped)
        return;
    xml->text[xml->text_length] = '\0';
    if (!xml->element(xml->arg, xml->path, xml->text, xml->err)) {
        xml->stopped = true;
        XML_StopParser(xml->parser, XML_FALSE);
        return;
    }
    xml->path_length -= length;
    if (xml->path_length > 0)
        xml->path_length--;
    xml->path[xml->path_length] = '\0';
    xml->text_length = 0;
    xml->depth--;
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                               int has_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_subset;
    stop(arg, "has a document type");
}

static void release(void *parser)
{
    XML_ParserFree(parser);
}

bool s3_xml_new(struct s3_xml **xmlp, struct arena *arena, s3_xml_element *element, void *arg, struct err *err)
{
    struct s3_xml *xml = arena_alloc(arena, sizeof *xml);

    *xmlp = NULL;
    if (xml == NULL)
        return err_memory(err);
    *xml = (struct s3_xml){.parser = XML_ParserCreate("UTF-8"), .element = element, .arg = arg};
    if (xml->parser == NULL || !arena_defer(arena, release, xml->parser))
        return err_memory(err);
    XML_SetUserData(xml->parser, xml);
    XML_SetElementHandler(xml->parser, on_start, on_end);
    XML_SetCharacterDataHandler(xml->parser, on_text);
    XML_SetStartDoctypeDeclHandler(xml->parser, on_doctype);
    *xmlp = xml;
    return true;
}

static bool parse(struct s3_xml *xml, const char *bytes, size_t length, bool last, struct err *err)
{
    enum XML_Status status;

    xml->err = err;
    status = XML_Parse(xml->parser, bytes, (int)length, last);
    xml->err = NULL;
    return status == XML_STATUS_OK ||
           err_set(err, ERR_BUG, "S3 answers with broken XML: %s", XML_ErrorString(XML_GetErrorCode(xml->parser)));
}

bool s3_xml_feed(struct s3_xml *xml, const char *bytes, size_t length, struct err *err)
{
    size_t blank = 0;

    if (length > S3_XML_MAX || xml->total > S3_XML_MAX - length)
        return err_set(err, ERR_BUG, "S3 answers with more than %d bytes of XML", S3_XML_MAX);
    xml->total += length;
    while (!xml->begun && blank < length && strchr(" \t\r\n", bytes[blank]) != NULL && bytes[blank] != '\0')
        blank++;
    xml->begun = xml->begun || blank < length;
    return blank == length || parse(xml, bytes + blank, length - blank, false, err);
}

bool s3_xml_end(struct s3_xml *xml, struct err *err)
{
    return parse(xml, "", 0, true, err);
}
