#include "store/invitation.h"

bool invitation_add(struct db *db, struct arena *arena, const struct token *token, const char *by, int64_t seconds,
                    int64_t most, struct err *err)
{
    struct db_result row;

    if (!db_query_one(db, arena, sql_invitation_operator(), &row, err))
        return false;
    switch (db_query(db, arena, sql_invitation_add(&token->id, DB_ARRAY(token->hash), by, seconds, most), &row, err)) {
    case DB_FAIL:
        return false;
    case DB_NONE:
        return err_set(err, ERR_LIMIT, "there are %lld invitations already, as many as invitations_max allows",
                       (long long)most);
    case DB_ROW:
        break;
    }
    return true;
}

bool invitation_list(struct db *db, struct arena *arena, struct db_result *rows, struct err *err)
{
    return db_query(db, arena, sql_invitation_list(), rows, err) != DB_FAIL;
}

enum db_rc invitation_revoke(struct db *db, struct arena *arena, const struct uuid *id, struct err *err)
{
    struct db_result row;

    return db_query_one(db, arena, sql_invitation_operator(), &row, err)
               ? db_query(db, arena, sql_invitation_revoke(id), &row, err)
               : DB_FAIL;
}

enum db_rc invitation_find(struct db *db, struct arena *arena, const struct token *token, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_invitation_find(&token->id, DB_ARRAY(token->hash)), &row, err);
}

enum db_rc invitation_use(struct db *db, struct arena *arena, const struct token *token, struct err *err)
{
    struct db_result row;

    return db_query(db, arena, sql_invitation_use(&token->id, DB_ARRAY(token->hash)), &row, err);
}
