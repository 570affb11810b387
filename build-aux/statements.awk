# Turns sql/query/*.sql into statements.h: an enum, a table of name, text and number of parameters, and for each statement a
# function that takes its parameters as C has them. The names are on its first line, the types are its casts:
#
#   -- name: session_end (id, account)        struct db_call sql_session_end(const struct uuid *id, const struct uuid *account)
#   DELETE … WHERE id = $1::uuid AND …
#
# A number that may be null has a "?" behind its name, and is a pointer; other values are null as NULL is.
#
# A list of columns, one a line after "-- columns: name", stands where a statement says {name}, and its places are an enum:
# NAME_ID … NAME_COUNT. Lines "-- for: table=session_data key=session_id" at the top of a file make each of its statements once for
# each of them, with these words for {table} and {key}, also within its name.
# usage: awk -f statements.awk sql/query/*.sql
BEGIN {
    takes["uuid"] = "const struct uuid *"; makes["uuid"] = "uuid"
    takes["text"] = takes["jsonb"] = takes["inet"] = "const char *"; makes["text"] = makes["jsonb"] = makes["inet"] = "text"
    takes["bytea"] = "struct db_bytes "; makes["bytea"] = "bytea"
    takes["int"] = takes["bigint"] = "int64_t "; makes["int"] = "int4"; makes["bigint"] = "int8"
    takes["boolean"] = "bool "; makes["boolean"] = "bool"
    takes["uuid[]"] = "struct db_uuids "; makes["uuid[]"] = "uuids"
    takes["int[]"] = takes["bigint[]"] = "struct db_numbers "; makes["int[]"] = "int4s"; makes["bigint[]"] = "int8s"
    takes["text[]"] = "struct db_texts "; makes["text[]"] = "texts"
    takes["bytea[]"] = "struct db_keys "; makes["bytea[]"] = "byteas"
}
function fail(what) {
    print "statements.awk: " what > "/dev/stderr"
    failed = 1
}
# What one row of "-- for:" makes of a text.
function filled(text, row,   i, words, pair) {
    split(row, words, " ")
    for (i = 1; i in words; i++) {
        split(words[i], pair, "=")
        gsub("[{]" pair[1] "[}]", pair[2], text)
    }
    return text
}
function keep(name, text,   rest, n, type, most) {
    names[++count] = name; texts[count] = text; called[count] = given
    most = 0; rest = text
    while (match(rest, /\$[0-9]+/)) {
        n = substr(rest, RSTART + 1, RLENGTH - 1) + 0
        if (n > most) most = n
        rest = substr(rest, RSTART + RLENGTH)
        type = match(rest, /^::[a-z]+(\[\])?/) ? substr(rest, 3, RLENGTH - 2) : ""
        if (!(type in takes)) fail(name ": $" n " has no type that is known: " type)
        else if ((count, n) in types && types[count, n] != type) fail(name ": $" n " is both " types[count, n] " and " type)
        types[count, n] = type
    }
    parameters[count] = most
}
function finish(   i) {
    if (list != "") lists[list] = text
    if (name != "") {
        sub(/[ \n]*;[ \n]*$/, "", text)
        if (rows == 0) keep(name, text)
        for (i = 1; i <= rows; i++) keep(filled(name, row[i]), filled(text, row[i]))
    }
    name = ""; list = ""; text = ""
}
function expand(text,   word) {
    while (match(text, /\{[a-z_]+\}/)) {
        word = substr(text, RSTART + 1, RLENGTH - 2)
        if (!(word in lists)) {
            fail("no columns are called " word)
            return text
        }
        text = substr(text, 1, RSTART - 1) lists[word] substr(text, RSTART + RLENGTH)
    }
    return text
}
function print_function(i,   n, words, type, null, head, body) {
    if (split(called[i], words, /, */) != parameters[i])
        fail(names[i] ": " parameters[i] " parameters, but not as many names: (" called[i] ")")
    for (n = 1; n <= parameters[i]; n++) {
        type = types[i, n]
        null = sub(/\?$/, "", words[n])
        if (type == "") fail(names[i] ": there is no $" n)
        if (null && type != "int" && type != "bigint") fail(names[i] ": " words[n] " needs no ?")
        head = head (n > 1 ? ", " : "") (null ? "const int64_t *" : takes[type]) words[n]
        body = body (n > 1 ? ", " : "") "db_param_" makes[type] (null ? "_or_null" : "") "(" words[n] ")"
    }
    print "static inline struct db_call sql_" names[i] "(" (head == "" ? "void" : head) ")\n{"
    print "    return (struct db_call){.statement = STATEMENT_" toupper(names[i]) (body == "" ? "" : ", .params = {" body "}") "};\n}\n"
}
FNR == 1 { finish(); rows = 0 }
/^-- for: / { finish(); row[++rows] = substr($0, 9); next }
/^-- name: / {
    finish(); name = $3
    given = match($0, /\(.*\)$/) ? substr($0, RSTART + 1, RLENGTH - 2) : ""
    next
}
/^-- columns: / { finish(); list = $3; order[++list_count] = list; next }
/^ *--/ || /^ *$/ { next }
list != "" {
    column = $0
    sub(/^.*( AS |\.)/, "", column)
    places[list] = places[list] "    " toupper(list "_" column) ",\n"
    text = text (text == "" ? "" : ", ") $0
    next
}
name != "" { line = $0; gsub(/\\/, "&&", line); gsub(/"/, "\\\"", line); sub(/^ +/, "", line); sub(/ -- .*$/, "", line); text = text (text == "" ? "" : " ") line }
END {
    finish()
    for (i = 1; i <= count; i++) texts[i] = expand(texts[i])
    print "/* Generated from sql/query by build-aux/statements.awk. */"
    print "#ifndef MAYFLY_DB_STATEMENTS_H\n#define MAYFLY_DB_STATEMENTS_H\n\n#include \"db/db_param.h\"\n"
    for (i = 1; i <= list_count; i++)
        print "enum " order[i] " {\n" places[order[i]] "    " toupper(order[i]) "_COUNT\n};\n"
    print "enum statement {"
    for (i = 1; i <= count; i++) print "    STATEMENT_" toupper(names[i]) ","
    print "    STATEMENT_COUNT\n};\n"
    print "struct statement_text {\n    const char *name;\n    const char *sql;\n    int parameters;\n};\n"
    print "extern const struct statement_text statement_texts[STATEMENT_COUNT];\n"
    print "/* A statement with its parameters. */"
    print "struct db_call {\n    enum statement statement;\n    struct db_param params[DB_PARAMS_MAX];\n};\n"
    for (i = 1; i <= count; i++) print_function(i)
    if (failed) exit 1
    print "#ifdef STATEMENTS_DEFINE"
    print "const struct statement_text statement_texts[STATEMENT_COUNT] = {"
    for (i = 1; i <= count; i++)
        printf "    {\"%s\",\n     \"%s\",\n     %d},\n", names[i], texts[i], parameters[i]
    print "};\n#endif\n\n#endif"
}
