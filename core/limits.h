/* Every bound of the core, by name. A bound that another one relies on is checked below at compile
 * time. Sizes end in _bytes or say what they count; times end in _ms. */
#ifndef HY_LIMITS_H
#define HY_LIMITS_H

#include <stdint.h>

/* A message (PROTOCOL.md section 1). */
#define HY_MESSAGE_BYTES_MAX (1u << 20)
#define HY_JSON_DEPTH_MAX    128u
#define HY_URL_BYTES_MAX     2048u
#define HY_KEY_BYTES_MAX     1024u

/* Addresses that are remembered while messages are read. */
#define HY_NAMES_MAX           4096u
#define HY_NAME_KEPT_BYTES_MAX 256u

/* A value that enters a tree: nesting, counted from the data of an object. A message wraps its data
 * in a few levels of its own, which must fit too. */
#define HY_VALUE_DEPTH_MAX  120u
#define HY_STRING_BYTES_MAX (1u << 30)

/* A value that a script hands over at once, roughly as the memory that it takes; JSON that it has
 * read, which is much more as values. */
#define HY_VALUE_BYTES_MAX (128u << 20)
#define HY_JSON_BYTES_MAX  (16u << 20)

/* The message bus of one runtime. */
#define HY_BUS_QUEUE_MESSAGES_MAX (1u << 18)
#define HY_BUS_QUEUE_BYTES_MAX    (256u << 20)
#define HY_BUS_REQUESTS_MAX       (1u << 17)
#define HY_BUS_HELD_MAX           (1u << 16)
#define HY_BUS_TURN_MESSAGES      1024u
#define HY_BUS_ANSWERS_KEPT_MAX   4096u
#define HY_BUS_ANSWERS_BYTES_MAX  (16u << 20)

/* Requests. */
#define HY_REQUEST_TIMEOUT_MS 5000u
#define HY_REQUEST_LATE_MS    60000u
#define HY_ANSWER_KEPT_MS     60000u
#define HY_MANAGER_TIMEOUT_MS 10000u /* for a step of the own sync manager, which asks others */

/* A person's (or script's) decision about a request. */
#define HY_DECISION_BEAT_MS 4000u
#define HY_DECISION_MAX_MS  60000u

/* Data objects. */
#define HY_PATH_STEPS_MAX      HY_VALUE_DEPTH_MAX
#define HY_BATCH_CHANGES_MAX   65536u
#define HY_HISTORY_ENTRIES_MAX 4096u
#define HY_HISTORY_BYTES_MAX   (1u << 20)
#define HY_MARK_RANGES_MAX     256u
#define HY_CHILD_ANSWERS_MAX   1024u
#define HY_CHILD_NUMBERS_MAX   1024u
#define HY_ASIDE_MESSAGES_MAX  4096u
#define HY_ASIDE_BYTES_MAX     (16u << 20)
#define HY_CHILD_PENDING_MAX   65536u
#define HY_CHILD_LIFE          (UINT64_C(1) << 32) /* numbers of one life of a hyperty */
#define HY_CHILD_EXPIRY_MS     60000u
#define HY_RETRY_MIN_MS        1000u
#define HY_RETRY_MAX_MS        30000u

/* An object that does not fit into one message (PROTOCOL.md section 5, Read): how large a part is
 * made, and what surely fits without parts; parts that are sent before their reader asks for more;
 * how many and how large a reader takes; how often it asks for the same ones. What is frozen to be
 * read: how much of it may be kept because it changed meanwhile, how many objects at once, and how
 * long one stays that nobody reads. Between two slices of one, and between two parts, the loop does
 * something else. */
#define HY_PART_BYTES              (128u << 10)
#define HY_PARTS_AHEAD             8u
#define HY_PARTS_MAX               8192u
#define HY_PARTS_BYTES_MAX         (512u << 20)
#define HY_PARTS_TRIES_MAX         4u
#define HY_SNAPSHOT_KEPT_BYTES_MAX (64u << 20)
#define HY_SNAPSHOTS_MAX           64u
#define HY_SNAPSHOT_READERS_MAX    4096u
#define HY_SNAPSHOT_MS             15000u
#define HY_SLICE_PAUSE_MS          1u
#define HY_PART_PAUSE_MS           4u

/* What is said of an object that is silent, when silence is too long, and how often one looks. What
 * is set up at a node again after a lost session, at a time; what is remembered to be said there.
 */
#define HY_DIGEST_MS            15000u
#define HY_SILENCE_MS           (HY_DIGEST_MS / 2u * 5u)
#define HY_PULSE_MIN_MS         1000u
#define HY_REJOIN_IN_FLIGHT_MAX 64u
#define HY_REJOIN_ADMITS_MAX    64u
#define HY_LASTING_MAX          (1u << 16)
#define HY_BURIED_MAX           1024u
#define HY_LASTING_TRIES_MAX    128u /* about an hour */
#define HY_LASTING_TRIES_TOLD   3u   /* so many without an answer, and it is told as a failure */

/* Handing an object over: how long it may take until it is moved; after which time its new reporter
 * asks the node whether it is, and how long it goes on asking. */
#define HY_HANDOVER_MS             30000u
#define HY_HANDOVER_ASK_MS         2000u
#define HY_HANDOVER_WAIT_MS        60000u
#define HY_HANDOVER_SILENT_MS      60000u       /* longer, for a giver that does not answer */
#define HY_HANDED_MS               150000u      /* who gave what is not stored knows it so long */
#define HY_HANDOVER_EXECUTES_BYTES (256u << 10) /* of answers handed over */
#define HY_HANDING_SETTLE_MS       10000u       /* who resumes asks so long where it is */

/* The store: what may wait to be committed, a text key, how long batches are gathered into one
 * commit, when a commit that failed is tried again, and for how long when the store closes. An
 * object's changes are kept beside its state until they are as many bytes as that, and at least so
 * many. */
#define HY_STORE_QUEUE_BYTES       (64u << 20)
#define HY_STORE_KEY_BYTES_MAX     (2u * HY_URL_BYTES_MAX + 64u)
#define HY_STORE_GROUP_MS          2u
#define HY_STORE_RETRY_MS          1000u
#define HY_STORE_CLOSE_MS          5000u
#define HY_STORE_CHANGES_BYTES_MIN (64u << 10)

/* The journal of a store's file: folded from so many bytes on (the more, the more rows of one owner
 * are written at once), in steps of so many; a commit waits for steps while there are more than the
 * most. When nothing was written for so long, all of it is folded. */
#define HY_STORE_FOLD_BYTES      (4u << 20)
#define HY_STORE_FOLD_STEP_BYTES (128u << 10)
#define HY_STORE_FOLD_BYTES_MAX  (3u * HY_STORE_FOLD_BYTES)
#define HY_STORE_FOLD_IDLE_MS    500u

/* Changes of one object that are folded together are one row of the file: so many bytes at most, so
 * many changes at least. */
#define HY_STORE_RUN_BYTES    (64u << 10)
#define HY_STORE_RUN_ROWS_MIN 8u

/* Messages of stored objects that wait for their commit; answers: twice that. Answers to executes
 * that are kept of one object. */
#define HY_OUTLET_MESSAGES_MAX (1u << 17)
#define HY_OUTLET_BYTES_MAX    (64u << 20)
#define HY_LEDGER_ANSWERS_MAX  4096u

/* The message node: what one request may ask for, what one session or object may hold, and what the
 * node keeps for all of them. */
#define HY_DOMAIN_BYTES_MAX          255u
#define HY_SCHEME_BYTES_MAX          32u
#define HY_ALLOCATION_MAX            1000u
#define HY_ADDRESS_SEGMENTS_MAX      16u
#define HY_SUBSCRIBE_RESOURCES_MAX   1024u
#define HY_SESSIONS_MAX              (1u << 17)
#define HY_SESSION_ROUTES_MAX        (1u << 16)
#define HY_SESSION_CLAIMS_MAX        (1u << 14)
#define HY_ROUTE_SOURCES_MAX         4096u
#define HY_OBJECT_ADMITTED_MAX       (1u << 17)
#define HY_ALLOCATED_MAX             (1u << 22)
#define HY_ALLOCATED_PER_RUNTIME_MAX (1u << 18)
#define HY_NODE_ANSWERS_KEPT_MAX     (1u << 14)
#define HY_NODE_ANSWERS_BYTES_MAX    (16u << 20)
#define HY_TOMBSTONES_MAX            (1u << 16)
#define HY_LOT_MAX                   100u        /* allocated addresses in one row of its store */
#define HY_NODE_ROWS_MAX             200u        /* of a list of what it holds, for a person */
#define HY_NODE_WAITING_BYTES_MAX    (64u << 20) /* answers, for a commit */
#define HY_NODE_NUMBER_MAX           (1ll << 53) /* of sessions and lots, as its store may say */
#define HY_TOMBSTONE_MS              (24u * 3600u * 1000u)

/* Sessions: how long one without connection is kept; what waits for a slow reader (answers: twice
 * that), and how long it may make no progress; requests that waited longer than their asker are not
 * delivered any more. */
#define HY_SESSION_GRACE_MS        30000u
#define HY_SESSION_QUEUE_BYTES_MAX (8u << 20)
#define HY_SESSION_BYTES_MAX       (64u << 20) /* but for its queue */
#define HY_SESSION_STUCK_MS        30000u
#define HY_SESSION_TOKEN_BYTES     16u
#define HY_PEER_ANSWERS_MAX        64u /* to handshakes, that one connection has not taken */

/* What a session of `hyperty node` may send in a second, unless configured otherwise. */
#define HY_RATE_MESSAGES_PER_S    200000u
#define HY_RATE_BYTES_PER_S       (128u << 20)
#define HY_RATE_ALLOCATIONS_PER_S 10000u

/* Connections, on both sides. */
#define HY_CONNECT_MS          10000u
#define HY_CONNECTOR_URLS_MAX  16u
#define HY_HANDSHAKE_MS        10000u
#define HY_PING_MS             20000u
#define HY_CLOSE_MS            5000u        /* from the last words to the end of the other side */
#define HY_READ_BYTES          (64u << 10)  /* at once, into one buffer of a loop's sockets */
#define HY_WRITE_MESSAGES_MAX  512u         /* in one writev */
#define HY_BATCH_BYTES         (128u << 10) /* put together for several connections */
#define HY_BATCH_MESSAGES_MIN  8u           /* that it pays for */
#define HY_HTTP_HEAD_BYTES_MAX 8192u
#define HY_OUTPUT_BYTES_MAX    (16u << 10) /* handshake and control frames that wait */
#define HY_PINGS_MAX           64u         /* in one input; the last of them is answered */
#define HY_CLOSE_REASON_BYTES  123u        /* RFC 6455: a control frame, less the code */
#define HY_KEEPALIVE_S         30 /* of silence, then the kernel asks for a sign of life, */
#define HY_KEEPALIVE_BEAT_S    10 /* that often, */
#define HY_KEEPALIVE_BEATS     3  /* and so many times in vain */

/* The gate of a node. */
#define HY_GATE_CONNECTIONS_MAX  (1u << 17)
#define HY_GATE_ACCEPTS_PER_TURN 64u
#define HY_GATE_LISTENERS_MAX    16u
#define HY_GATE_BACKLOG          1024 /* not accepted yet; the kernel may take fewer */
#define HY_GATE_TICK_MS          500u /* between two looks at how late the loop is */

/* What comes to a gate from one address: of `hyperty node`, unless configured otherwise; for how
 * long an address is remembered that has no connection, and how many; how many a second are told
 * why they are turned away, how often the log is. */
#define HY_ADDRESS_CONNECTIONS_MAX  16384u
#define HY_ADDRESS_HANDSHAKES_PER_S 1000u
#define HY_ADDRESS_OPENS_PER_S      2000u
#define HY_RATE_HANDSHAKES_PER_S    4000u
#define HY_GATE_FORGET_MS           1000u
#define HY_GATE_LEFT_MAX            65536u
#define HY_GATE_WORDS_PER_S         4u
#define HY_GATE_TOLD_MS             10000u

/* TLS: a record; what is encrypted at a time, with what records add to it and words of the
 * handshake, and so what may wait for the kernel of one connection; handshakes that go a step on in
 * one turn of the loop, so that those who are through go on undisturbed; a file of certificates or
 * keys; names of a wrong certificate that are told. */
#define HY_TLS_RECORD_BYTES        (16u << 10)
#define HY_TLS_WRITE_BYTES         (128u << 10)
#define HY_TLS_OUT_BYTES           (HY_TLS_WRITE_BYTES + (32u << 10))
#define HY_TLS_HANDSHAKES_PER_TURN 8u
#define HY_TLS_FILE_BYTES_MAX      (1u << 20)
#define HY_TLS_NAMES_TOLD          4u

/* Tokens: their length, users of one, how far clocks may be apart, when a runtime is told that its
 * token ends soon (not so late that it is no use), how often what is left is looked at, a secret,
 * keys of one node, and how long one is good if nothing is said, and at most. */
#define HY_TOKEN_BYTES_MAX        8192u
#define HY_TOKEN_USERS_MAX        64u
#define HY_TOKEN_SKEW_S           30u
#define HY_TOKEN_WARN_MS          60000u
#define HY_TOKEN_WARN_MS_MIN      1000u
#define HY_TOKEN_LOOK_MS          60000u
#define HY_TOKEN_SECRET_BYTES_MIN 32u
#define HY_TOKEN_KEYS_MAX         16u
#define HY_TOKEN_KEY_BYTES_MAX    (16u << 10)
#define HY_TOKEN_TTL_S            (24u * 3600u)
#define HY_TOKEN_TTL_S_MAX        (366u * 24u * 3600u)

/* Objects that only their participants can read: keys of users that are remembered, and of one;
 * how long a challenge is good, and how many wait, subscriptions that may be asked for a proof
 * likewise; observers, as a new key is told in one message; pairs of sender and resource that one
 * key is used for; objects that nobody here takes part in any more, but did; how often a
 * subscription proves itself; what a sealed body may have beside the plain one. */
#define HY_KEYS_KNOWN_MAX       65536u
#define HY_KEYS_OF_USER_MAX     16u
#define HY_CHALLENGE_MS         60000u
#define HY_CHALLENGES_MAX       1024u
#define HY_SECRET_OBSERVERS_MAX 4096u
#define HY_SECRET_PAIRS_MAX     65536u
#define HY_SECRETS_MAX          1024u
#define HY_SECRET_TRIES_MAX     4u
#define HY_SECRET_AROUND_BYTES  4096u

/* The program `hyperty node`. */
#define HY_NODE_DRAIN_MS  5000u /* to write what waits, when it ends */
#define HY_NODE_WINDOW_MS 5000u /* within which its runtimes come back to the next one */
#define HY_NODE_FILES     64u   /* open files beside the connections */

/* Stubs: what is kept while there is no connection, a little less long than who asks will wait: so
 * that it hears why; and when the next try is made (full jitter). */
#define HY_STUB_HOLD_MS         4500u
#define HY_STUB_QUEUE_BYTES_MAX (16u << 20)
#define HY_RECONNECT_MIN_MS     500u
#define HY_RECONNECT_MAX_MS     30000u
#define HY_WAYS_MAX             16u /* domains that a runtime speaks to */

/* Schemas: a document; schemas in one, with all that it refers to; of how many other runtimes' they
 * are kept. A check: its steps (one is a rule on a value, or some of a long one), and how deep
 * rules may lead to rules. A pattern: its length, groups within each other, what it must repeat at
 * least and how often a quantifier may; what a match may cost (beside the text's length) and use.
 * Patterns that are costly though they do not backtrack see texts up to a length only. Places that
 * a comparison of two tells; its steps, with those of its checks; how deep they may lead. */
#define HY_SCHEMA_BYTES_MAX        (256u << 10)
#define HY_RULES_MAX               16384u
#define HY_RULES_COMPILE_STEPS_MAX 1000000u /* one is a member of a schema that is looked at */
#define HY_SCHEMAS_FOREIGN_MAX     256u
#define HY_RULES_STEPS_MAX         4000000u
#define HY_RULES_EXPLAINED_MAX     10000u /* alternatives that a check explains: texts are dear */
#define HY_RULES_DEPTH_MAX         512u
#define HY_RULES_MATCH_MAX         100000u /* backtracks, as PCRE2 counts them */
#define HY_RULES_MATCH_BYTES_MAX   (16u << 20)
#define HY_RULES_MATCH_BYTES_KEPT  (256u << 10) /* between two matches */
#define HY_RULES_PATTERN_BYTES_MAX 4096u
#define HY_RULES_PATTERN_DEPTH_MAX 100u
#define HY_RULES_REPEATS_MAX       65535u /* that a quantifier can say, as in PCRE2 */
#define HY_RULES_REPEATS_CHEAP     256u   /* that a pattern asks for; more are costly */
#define HY_RULES_COSTLY_BYTES_MAX  (16u << 10)
#define HY_RULES_READS_MAX         (16u << 20) /* characters that a search reads again and again */
#define HY_COMPAT_PLACES_MAX       100u
#define HY_COMPAT_STEPS_MAX        400000u
#define HY_COMPAT_DEPTH_MAX        200u

/* Schemas of the catalogue: those that are asked for at a time, or were in vain a while ago; for
 * how long that is remembered; documents that one of them consists of; how many a runtime takes. */
#define HY_CATALOGUE_LOOKUPS_MAX   256u
#define HY_CATALOGUE_RETRY_MS      5000u
#define HY_CATALOGUE_DOCUMENTS_MAX 16u
#define HY_CATALOGUE_SCHEMAS_MAX   1024u

/* Policy: rules, conditions within each other, groups and their members; what is remembered of
 * refusals. */
#define HY_POLICY_RULES_MAX  1024u
#define HY_POLICY_TERMS_MAX  65536u /* texts and conditions of all rules together */
#define HY_POLICY_DEPTH_MAX  32u
#define HY_GROUPS_MAX        1024u
#define HY_GROUP_MEMBERS_MAX 65536u
#define HY_REFUSALS_MAX      1024u
#define HY_REFUSAL_LINES_MAX 60u /* in the log, a minute */

/* Who is told of comings and goings at the domain registry: watches of one session, and of all;
 * what one asks for, as text. */
#define HY_REGISTRY_WATCHES_MAX        256u
#define HY_REGISTRY_WATCHES_ALL_MAX    (1u << 16)
#define HY_REGISTRY_CRITERIA_BYTES_MAX (4u << 10)
#define HY_WATCHED_MAX                 65536u /* entries that one is told of */

/* The domain registry. */
#define HY_REGISTRY_BYTES_MAX       (256u << 20)
#define HY_REGISTRY_ENTRY_BYTES_MAX (16u << 10)
#define HY_REGISTRY_ANSWER_BYTES    (HY_MESSAGE_BYTES_MAX - (16u << 10))
#define HY_REGISTRY_CRITERIA_MAX    32u
#define HY_REGISTRY_KEYS_MAX        64u /* texts of an entry by which it is found */
#define HY_REGISTRY_EXPIRES_S_MAX   (366u * 24u * 3600u)

/* Hyperties: one Lua state each. */
#define HY_TASKS_MAX       65536u
#define HY_TASKS_IDLE_MAX  64u
#define HY_TRACE_BYTES_MAX (16u << 10) /* stacks of tasks that wait for one another */
#define HY_TIMERS_MAX      65536u
#define HY_CLOSINGS_MAX    16u /* of coroutines, within each other */
#define HY_PATH_BYTES_MAX  4096u
#define HY_WAIT_S_MAX      1e9 /* longest sleep or timeout */

/* What a Lua state has in reserve when memory is short: small blocks, for calls of finalisers. */
#define HY_STATE_SPARES      16u
#define HY_STATE_SPARE_BYTES 96u

/* What Lua of one hyperty may use, unless the host says otherwise: processor time without a wait,
 * and in one turn; memory. How often the time is looked at. */
#define HY_BUDGET_RUN_MS   200u
#define HY_BUDGET_TURN_MS  50u
#define HY_BUDGET_TICK_MS  5u
#define HY_STATE_BYTES_MAX (64u << 20)

/* String patterns, as in Lua: captures, and choices that are open at once. A format of string.pack
 * and its kin, whose reading cannot be stopped. */
#define HY_PATTERN_CAPTURES_MAX 32u
#define HY_PATTERN_DEPTH_MAX    200u
#define HY_PACK_FORMAT_BYTES    65536u
#define HY_DATE_FORMAT_BYTES    4096 /* of os.date */

/* Items that are sorted on the stack of Lua, which has room for 1,000,000 of all. */
#define HY_SORT_STACK_ITEMS 16384

/* Hot reload: how long `start` of the new code may take; how long tasks of the old one go on; what
 * may wait meanwhile. */
#define HY_RELOAD_MS        2000u
#define HY_RELOAD_LINGER_MS 5000u
#define HY_TRIAL_EVENTS_MAX 65536u
#define HY_RELOAD_TURNS     64u /* at most, for what the old code had queued when it began */
#define HY_PAST_LIVES_MAX   8u  /* of one hyperty whose tasks go on; the oldest goes first */

/* Failures of a hyperty, in points that one a second is forgotten of: an error of a task, a task
 * that was killed or ran out of memory. From so many on it is stopped, started again after a pause
 * that doubles, and parked after so many tries. */
#define HY_FAILURE_ERROR         1u
#define HY_FAILURE_KILLED        5u
#define HY_FAILURES_MAX          20u
#define HY_RESTART_MIN_MS        1000u
#define HY_RESTART_MAX_MS        60000u
#define HY_RESTARTS_MAX          5u
#define HY_RESTART_START_MS      60000u  /* that its `start` may take then */
#define HY_RESTARTS_FORGOTTEN_MS 600000u /* it ran so long without being stopped */

/* What `self.state` may be, as JSON. */
#define HY_OWN_STATE_BYTES_MAX (8u << 20)

/* A prompt and its host: a frame; what waits for a slow reader; the text of one value or print. */
#define HY_PROMPT_FRAME_BYTES_MAX (1u << 20)
#define HY_PROMPT_QUEUE_BYTES_MAX (1u << 20)
#define HY_PROMPT_TEXT_BYTES_MAX  (1u << 17)
#define HY_PROMPT_HISTORY_MAX     1000
#define HY_PROMPT_RUN_MS          5000u /* of processor time, for what a person types */
/* How long a client waits for a host to say what it is. */
#define HY_ATTACH_MS 5000
/* Clients of one host at a time; those that the kernel keeps until they are let in. */
#define HY_PROMPTS_MAX    16u
#define HY_PROMPT_BACKLOG 16
/* What the client keeps of what is typed: a line of the history, its whole file, pasted text; what
 * it reads at once. */
#define HY_PROMPT_ENTRY_BYTES_MAX   (32u << 10)
#define HY_PROMPT_HISTORY_BYTES_MAX (4u << 20)
#define HY_PROMPT_PASTE_BYTES_MAX   (256u << 10)
#define HY_PROMPT_READ_BYTES        4096u
/* Completion: how long it is waited for, and what it may look at and give. */
#define HY_PROMPT_COMPLETE_MS     1000
#define HY_PROMPT_COMPLETIONS_MAX 200u
#define HY_PROMPT_ENTRIES_MAX     2000u
/* Output above the line being typed is shown together so often. A host that is silent so long after
 * Ctrl-C, or after the end of the input, is told of. */
#define HY_PROMPT_DRAW_MS   15
#define HY_PROMPT_SILENT_MS 1500
/* How long a host's last words may wait for their reader; how long it may live without its client.
 */
#define HY_PROMPT_FAREWELL_MS 1000
#define HY_PROMPT_ORPHAN_S    5u

/* Files that are looked at, and folders that they are in; the pause after an event of theirs, which
 * further ones put off, and for how long; when a folder that is not there is looked for again. */
#define HY_FILES_MAX          4096u
#define HY_FILES_FOLDERS_MAX  256u
#define HY_FILES_QUIET_MS     50u
#define HY_FILES_QUIET_MAX_MS 500u
#define HY_FILES_RETRY_MS     1000u

/* What a host still writes to its nodes when it closes: how long that may take, and how often one
 * looks whether it is done. */
#define HY_LEAVE_MS      1000u
#define HY_LEAVE_STEP_MS 5u

/* Turns that hyperties get for their ending when a runtime closes. */
#define HY_FAREWELL_TURNS_MAX 1000u

/* The trusted module: turns without any time passing, after which a world will never come to rest;
 * time that a call may take before it "did not finish". */
#define HY_WORLD_TURNS_MAX   1000000u
#define HY_WORLD_CALL_MAX_MS 120000u

/* Texts made for people. */
#define HY_ERROR_TEXT_BYTES 512u
#define HY_LOG_TURN_LINES   100u /* errors of one hyperty in a turn of its host */
#define HY_LOG_LINE_BYTES   4096u
#define HY_NAME_BYTES_MAX   128u
/* Of what `hyperty new` makes: it becomes a variable, and part of names of files. */
#define HY_NEW_NAME_BYTES_MAX 48u
#define HY_VERSION_MAX        (1ll << 53) /* of an object: what is above nobody has counted */
/* A name that is not found is compared with those that are: how long, and how far off at most. */
#define HY_SIMILAR_BYTES_MAX 64u
#define HY_SIMILAR_EDITS_MAX 2

_Static_assert(HY_VALUE_DEPTH_MAX + 8 <= HY_JSON_DEPTH_MAX, "data must fit into a message");
_Static_assert(HY_KEY_BYTES_MAX < HY_MESSAGE_BYTES_MAX, "a key must fit into a message");
_Static_assert(HY_HANDOVER_MS < HY_HANDOVER_WAIT_MS, "who gives ends before who takes");
_Static_assert(HY_DECISION_BEAT_MS < HY_REQUEST_TIMEOUT_MS, "a 100 must come before the deadline");
_Static_assert(HY_ALLOCATION_MAX *(HY_DOMAIN_BYTES_MAX + HY_SCHEME_BYTES_MAX + 64) <
                   HY_MESSAGE_BYTES_MAX,
               "allocated addresses must fit into an answer");
_Static_assert(HY_REGISTRY_ENTRY_BYTES_MAX < HY_REGISTRY_ANSWER_BYTES, "an entry must fit");
_Static_assert(HY_PROMPT_TEXT_BYTES_MAX * 6 + 256 <= HY_PROMPT_FRAME_BYTES_MAX,
               "a text of escapes only must fit into a frame");
_Static_assert(HY_STUB_HOLD_MS < HY_REQUEST_TIMEOUT_MS, "who asks is told why");
_Static_assert(HY_PART_BYTES * 2 < HY_MESSAGE_BYTES_MAX, "a part fits into a message");
_Static_assert(HY_PARTS_AHEAD *HY_MESSAGE_BYTES_MAX <= HY_STUB_QUEUE_BYTES_MAX,
               "what is sent ahead can wait");
_Static_assert(HY_PARTS_MAX >= HY_PARTS_BYTES_MAX / HY_PART_BYTES, "parts suffice");
_Static_assert(HY_RETRY_MIN_MS < HY_RETRY_MAX_MS, "backoff grows");
_Static_assert(HY_HANDOVER_ASK_MS < HY_HANDOVER_WAIT_MS, "who takes asks before it gives up");
_Static_assert(HY_HANDOVER_WAIT_MS + HY_HANDOVER_SILENT_MS < HY_HANDED_MS,
               "who takes gives up before who gave forgets");
_Static_assert(HY_CHILD_PENDING_MAX < HY_CHILD_LIFE, "what one life sends is below the next one");
_Static_assert(HY_OWN_STATE_BYTES_MAX < HY_STORE_QUEUE_BYTES / 2, "a snapshot can wait");
_Static_assert(HY_STORE_FOLD_STEP_BYTES < HY_STORE_FOLD_BYTES, "a fold has steps");
_Static_assert(HY_MANAGER_TIMEOUT_MS > HY_REQUEST_TIMEOUT_MS, "who asks it waits longer than it");

_Static_assert(HY_COMPAT_STEPS_MAX <= HY_RULES_STEPS_MAX, "a comparison checks with what it has");
_Static_assert(HY_HTTP_HEAD_BYTES_MAX < HY_OUTPUT_BYTES_MAX, "what echoes a head can wait");
_Static_assert(HY_GATE_WORDS_PER_S *(HY_CLOSE_MS / 1000u + 2u) <= HY_NODE_FILES / 2u,
               "who is turned away takes nobody's descriptor");
_Static_assert(HY_TLS_WRITE_BYTES % HY_TLS_RECORD_BYTES == 0, "records are full");
_Static_assert(HY_TLS_OUT_BYTES - HY_TLS_WRITE_BYTES >=
                   HY_TLS_WRITE_BYTES / HY_TLS_RECORD_BYTES * 1024 + HY_OUTPUT_BYTES_MAX,
               "what records add fits");
_Static_assert(HY_ASIDE_BYTES_MAX > HY_MESSAGE_BYTES_MAX, "a message can be kept aside");

#endif
