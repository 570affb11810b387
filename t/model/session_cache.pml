/*
 * One session in the database and in the cache: the protocol of
 * src/store/session_cache.c, checked for promise P4, "logout wins".
 *
 * The key in the cache, and the function that makes each transition:
 *
 *     ABSENT --session_cache_lease--> LEASE --session_cache_settle--> ENTRY
 *     ENTRY, stale, or not believed --session_cache_settle--> ENTRY
 *     LEASE --session_cache_settle, of a token that is none--> ABSENT
 *     any --session_cache_forget--> TOMBSTONE
 *     any --evicted, expired, flushed, restarted--> ABSENT
 *
 * session_cache_take only looks; sessions_find_taken calls all but the forgetting.
 *
 * Workers are of two releases with two layouts of the item under one key. The
 * older one reads through when it meets the newer one's item; the newer one
 * believes none of the older one's, nor a forged one, but replaces them.
 *
 * The law: a fill needs the CAS id of the item it replaces, got before the
 * database was read and over the same connection. Every write gives the item
 * another id, so a change between the read and the fill beats the fill.
 *
 * Two unbounded things are folded into finite ones, and nothing is lost:
 * - of an id, only "is it still the item's?" matters: one bit per reader in
 *   `current`, and every write clears them all;
 * - of a time, only "longer ago than cache_fresh_s?" matters: ages are counted
 *   instead, and OLDEST stands for all that is longer ago.
 *
 * Each `:: d_step { condition -> ... }` is one transition. README.md lists the
 * assumptions and the switches (-D).
 */
#ifndef READERS
#define READERS 3
#endif
#ifndef ELDERS
#define ELDERS  0                       /* readers of the release before */
#endif
#define IS_ELDER(r) ((r) < ELDERS)
#define FRESH   2                       /* cache_fresh_s, in ticks */
#define OLDEST  (FRESH + 1)
#define NOBODY  READERS
#define BIT(r)  (1 << (r))
#define OLDER(age) ((age) < OLDEST -> (age) + 1 : OLDEST)

mtype = { ABSENT, LEASE, ENTRY, TOMBSTONE, FORGED };    /* the item */
mtype = { NONE, OLD, NEW };                             /* the session */
mtype = { FIND, LEAVE, GETS, READ, READ_TO_FILL, FILL };  /* a reader */
mtype = { COMMIT, FORGET, FORGET_AGAIN, ANSWER, DONE }; /* a changer */

mtype db = OLD;                 /* PostgreSQL: the session, and its outcome */
bool  ends;                     /* the change is a logout, not a new role */

mtype item = ABSENT;            /* memcached: the key, */
mtype item_value = NONE;        /* of an entry the session as read, */
byte  item_age;                 /*   and now - read_at; */
byte  item_holder = NOBODY;     /* of a lease whose nonce it is */
bool  item_elder;               /* it has the layout of the release before */

byte  in_hand;                  /* readers that hold an id, */
byte  current;                  /*   and it is the item's, */
byte  reborn;                   /*   or the server has restarted since */
mtype read_value[READERS] = NONE;       /* between the read and the fill */
byte  read_age[READERS];

bool  cut;                      /* the changer's connection is a dead one */
bool  answered;                 /* the change, and how long ago */
byte  answer_age;

#ifdef HOSTILE                          /* who rules memcached has kept an entry, */
mtype kept_value = NONE;
byte  kept_age;
#endif

#if defined(BUG_BLIND_SET) || defined(HOSTILE)  /* a fill is SET; or so it says */
#define MAY_FILL(r) true
#elif defined(BUG_NO_LEASE)             /* a fill after a miss is ADD */
#define MAY_FILL(r) (in_hand & BIT(r) -> current & BIT(r) : item == ABSENT)
#elif defined(BUG_RECONNECT)            /* an old id may equal any new one */
#define MAY_FILL(r) (item != ABSENT && ((current | reborn) & BIT(r)))
#else
#define MAY_FILL(r) (current & BIT(r))
#endif

#if (defined(UNREACHABLE) || defined(HOSTILE)) && !defined(STRICT)
#define TOO_LATE (answered && answer_age > FRESH)       /* P4b */
#else
#define TOO_LATE answered                               /* P4a */
#endif

#ifndef REACH
#define REACH 0
#endif
/* Built with -DREACH=n, the checker has to find point n. */
#define POINT(n, condition) assert(REACH != n || !(condition))

inline put(kind, value, age, holder, elder) { /* every write makes every id old */
        item = kind; item_value = value; item_age = age; item_holder = holder;
        item_elder = elder; current = 0
}

/* Of the reader's own layout; of a forged item nothing is known. */
#define MINE(r) (item_elder == IS_ELDER(r) && item != FORGED)

inline see(r) {                         /* GETS: the id of the item */
        in_hand = in_hand | BIT(r);
        current = current | BIT(r);
        reborn = reborn & ~BIT(r)
}

inline serve(value) {                   /* the promise */
        assert(!(value == OLD && TOO_LATE))
}

inline finish(r) {                      /* a request keeps nothing */
        in_hand = in_hand & ~BIT(r);
        current = current & ~BIT(r);
        reborn = reborn & ~BIT(r);
        read_value[r] = NONE; read_age[r] = 0
}

/* sessions_find_taken, request after request. Any step may take any time. */
active [READERS] proctype Reader() {
        byte me = _pid;
        mtype at = FIND;
        do
        /* session_cache_take */
        :: d_step { at == FIND && item == ENTRY && MINE(me) && item_age <= FRESH ->
                POINT(1, true);         /* a hit */
                serve(item_value) }
        :: d_step { at == FIND && item == ENTRY && MINE(me) && item_age > FRESH ->
                see(me); at = READ_TO_FILL }
        /* the older release's, or forged: not believed, but replaced */
        :: d_step { at == FIND && item != ABSENT && !IS_ELDER(me) &&
                        (item_elder || item == FORGED) ->
                POINT(7, item == ENTRY);
                POINT(8, item == FORGED);
                see(me); at = READ_TO_FILL }
        :: d_step { at == FIND && item == ABSENT -> at = LEAVE }
        :: d_step { at == FIND -> at = READ }   /* else, or no answer */
        /* session_cache_lease: SET, then GETS to learn the id */
        :: d_step { at == LEAVE ->
                POINT(6, item == TOMBSTONE);    /* a tombstone is overwritten */
                put(LEASE, NONE, 0, me, IS_ELDER(me)); at = GETS }
        :: d_step { at == GETS && item == LEASE && item_holder == me ->
                see(me); at = READ_TO_FILL }
        :: d_step { at == LEAVE || at == GETS ->        /* else, or no answer */
                at = READ }
#ifdef BUG_NO_LEASE
        :: d_step { at == LEAVE -> at = READ_TO_FILL }
#endif
        /* the database; a dead session is answered and never filled */
        :: d_step { at == READ -> serve(db); at = FIND }
        :: d_step { at == READ_TO_FILL && !(db == NEW && ends) ->
                serve(db); read_value[me] = db; at = FILL }
        :: d_step { at == READ_TO_FILL && db == NEW && ends ->
                finish(me); at = FIND }
        /* session_cache_settle: CAS. A wrong token's lease is given back */
        :: d_step { at == READ_TO_FILL && item == LEASE && (current & BIT(me)) && !IS_ELDER(me) ->
                POINT(9, true);
                put(ABSENT, NONE, 0, NOBODY, false);
                finish(me); at = FIND }
        :: d_step { at == FILL && MAY_FILL(me) ->
                POINT(2, item == ENTRY);        /* a stale entry is replaced */
#ifdef BUG_LATE_STAMP
                read_age[me] = 0;               /* read_at is taken here */
#endif
                put(ENTRY, read_value[me], read_age[me], NOBODY, IS_ELDER(me));
                finish(me); at = FIND }
        :: d_step { at == FILL ->       /* refused, no answer, or killed */
                POINT(3, item == TOMBSTONE && read_value[me] == OLD);
                finish(me); at = FIND }
        od
}

/* A logout, by one worker after another until one has lived to answer it. */
active proctype Changer() {
        mtype at = COMMIT;
        bool replayed = false, elder;
        if :: ends = true :: ends = false fi;
#if ELDERS > 0
        if :: elder = true :: elder = false fi; /* its release */
#endif
        do
        :: d_step { at == COMMIT ->     /* or the stored outcome is found */
                replayed = (db == NEW); db = NEW; at = FORGET }
        /* session_cache_forget: before each answer, a repeated one too */
        :: d_step { (at == FORGET || at == FORGET_AGAIN) && !cut ->
                put(TOMBSTONE, NONE, 0, NOBODY, elder); at = ANSWER }
#ifdef BUG_KEY_PER_LAYOUT               /* and so it misses the other's item */
        :: d_step { at == FORGET && !cut && item_elder != elder -> at = ANSWER }
#endif
        :: d_step { at == FORGET && cut ->      /* fails: try it anew */
                cut = false; at = FORGET_AGAIN }
        :: d_step { at == FORGET_AGAIN && cut ->        /* emptied since COMMIT */
                cut = false; at = ANSWER }
#ifdef UNREACHABLE
        :: d_step { at == FORGET -> at = ANSWER }
#endif
#ifdef BUG_REPLAY
        :: d_step { at == FORGET && replayed -> at = ANSWER }
#endif
#ifdef BUG_ONE_TRY
        :: d_step { at == FORGET_AGAIN -> at = ANSWER }
#endif
        :: d_step { at == ANSWER ->
                POINT(4, replayed);
                POINT(5, item == ENTRY && item_value == OLD); /* P4b only */
                answered = true; replayed = false; at = DONE }
        :: d_step { at != DONE -> at = COMMIT }         /* killed: the next, */
        :: d_step { at != DONE -> at = COMMIT; cut = true } /* perhaps cut off */
        od
}

/* All else, at any moment and any number of times. */
active proctype World() {
        byte i;
        do
        :: d_step { item != ABSENT ->           /* evicted, expired, flushed */
                put(ABSENT, NONE, 0, NOBODY, false) }
        :: d_step { item != TOMBSTONE ->        /* another change of the key */
                put(TOMBSTONE, NONE, 0, NOBODY, false) }
#if ELDERS == 0         /* else the older release's tombstone is the same to all */
        :: d_step { item != FORGED ->           /* by who can write there */
                put(FORGED, NONE, 0, NOBODY, false) }
#endif
#ifdef HOSTILE
        :: d_step { item == ENTRY -> kept_value = item_value; kept_age = item_age }
        :: d_step { kept_value != NONE ->       /* replayed */
                POINT(10, answered && kept_value == OLD);
                put(ENTRY, kept_value, kept_age, NOBODY, false) }
#endif
        :: d_step { true ->                     /* restarted: ids begin anew */
                put(ABSENT, NONE, 0, NOBODY, false); reborn = in_hand; cut = true }
        :: d_step { true ->                     /* a tick */
                item_age = (item == ENTRY -> OLDER(item_age) : 0);
                answer_age = (answered -> OLDER(answer_age) : 0);
#ifdef HOSTILE
                kept_age = (kept_value == NONE -> 0 : OLDER(kept_age));
#endif
                for (i : 0 .. READERS - 1) {
                        read_age[i] = (read_value[i] == NONE -> 0 :
                                OLDER(read_age[i]))
                }
                i = 0 }
        od
}
