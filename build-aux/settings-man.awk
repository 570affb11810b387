# The settings part of mayfly.conf(5): awk -f settings-man.awk settings.def etc/mayfly.conf mayfly.conf.5.in
# Ranges come from the first, words and defaults from the second; both take the place of the line @settings@ in the third.

function mdoc(text) {
    gsub(/\\/, "\\e", text)
    while (match(text, /`[^`]*`/))
        text = substr(text, 1, RSTART - 1) "\\(lq" substr(text, RSTART + 1, RLENGTH - 2) "\\(rq" substr(text, RSTART + RLENGTH)
    gsub(/\. /, ".\n", text) # a sentence, a line: else troff takes its end for an abbreviation's
    return text ~ /^[.']/ ? "\\&" text : text
}

function emit(line) {
    page = page line "\n"
}

# One item: the names that stand together, the words above them, what their values may be.
function flush(    i) {
    if (names == 0)
        return
    if (!open_list)
        emit(".Bl -tag -width 4n")
    open_list = 1
    emit(".It Xo")
    for (i = 1; i <= names; i++)
        emit(".Ic " name[i] " =" (standard[i] != "" ? " " standard[i] : "") \
            (name[i] in range ? " Pq " range[name[i]] : "") (i < names ? " ," : ""))
    emit(".Xc")
    page = page words
    names = 0
    words = ""
}

function close_list() {
    flush()
    if (open_list)
        emit(".El")
    open_list = 0
}

FILENAME ~ /settings\.def$/ {
    if (match($0, /^NUMBER\([a-z0-9_]+, [^,]+, [0-9]+, [0-9]+/)) {
        split(substr($0, 8, RLENGTH - 7), part, /, */)
        range[part[1]] = part[3] " to " part[4]
    }
    next
}

FILENAME ~ /etc\/mayfly\.conf$/ {
    if ($0 ~ /^# --- /) {
        close_list()
        emit(".Ss " mdoc(substr($0, 7)))
        in_settings = 1
    } else if (!in_settings) {
        next
    } else if ($0 ~ /^# /) {
        flush()
        words = words mdoc(substr($0, 3)) "\n"
    } else if (match($0, /^#[a-z0-9_]+ =/)) {
        names++
        name[names] = substr($0, 2, RLENGTH - 3)
        standard[names] = substr($0, RLENGTH + 2)
    } else {
        flush()
    }
    next
}

/^@settings@$/ {
    close_list()
    printf "%s", page
    next
}

{ print }
