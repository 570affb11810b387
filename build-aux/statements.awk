# Turns sql/query/*.sql into statements.h: an enum and a table of name, text and number of parameters. A list of columns, one a
# line after "-- columns: name", stands where a statement says {name}, and its places are an enum: NAME_ID … NAME_COUNT.
# usage: awk -f statements.awk sql/query/*.sql
function finish(   i, most, rest, n) {
    if (list != "") lists[list] = text
    if (name != "") {
        sub(/[ \n]*;[ \n]*$/, "", text)
        most = 0; rest = text
        while (match(rest, /\$[0-9]+/)) {
            n = substr(rest, RSTART + 1, RLENGTH - 1) + 0
            if (n > most) most = n
            rest = substr(rest, RSTART + RLENGTH)
        }
        names[++count] = name; texts[count] = text; parameters[count] = most
    }
    name = ""; list = ""; text = ""
}
function expand(text,   word) {
    while (match(text, /\{[a-z_]+\}/)) {
        word = substr(text, RSTART + 1, RLENGTH - 2)
        if (!(word in lists)) {
            print "statements.awk: no columns are called " word > "/dev/stderr"
            failed = 1
            return text
        }
        text = substr(text, 1, RSTART - 1) lists[word] substr(text, RSTART + RLENGTH)
    }
    return text
}
/^-- name: / { finish(); name = $3; next }
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
    if (failed) exit 1
    print "/* Generated from sql/query by build-aux/statements.awk. */"
    print "#ifndef MAYFLY_STORE_STATEMENTS_H\n#define MAYFLY_STORE_STATEMENTS_H\n"
    for (i = 1; i <= list_count; i++)
        print "enum " order[i] " {\n" places[order[i]] "    " toupper(order[i]) "_COUNT\n};\n"
    print "enum statement {"
    for (i = 1; i <= count; i++) print "    STATEMENT_" toupper(names[i]) ","
    print "    STATEMENT_COUNT\n};\n"
    print "struct statement_text {\n    const char *name;\n    const char *sql;\n    int parameters;\n};\n"
    print "extern const struct statement_text statement_texts[STATEMENT_COUNT];\n"
    print "#ifdef STATEMENTS_DEFINE"
    print "const struct statement_text statement_texts[STATEMENT_COUNT] = {"
    for (i = 1; i <= count; i++)
        printf "    {\"%s\",\n     \"%s\",\n     %d},\n", names[i], texts[i], parameters[i]
    print "};\n#endif\n\n#endif"
}
