/* exec/time_format.h - formats of to_char(), to_timestamp() and to_date(), cut into nodes.
 *
 * A format is fields ("YYYY"), with FM and TM before and TH behind them, and texts between.  Both directions read
 * the same nodes: func_to_char.c writes by them, func_from_char.c reads.  To add a field: a Key, a row in
 * time_words[], and what it does in both.
 * Threads: pure functions. */
#ifndef SKULK_EXEC_TIME_FORMAT_H
#define SKULK_EXEC_TIME_FORMAT_H

#include "exec/type.h"

typedef enum Key {
    KEY_FX,
    KEY_HH12,
    KEY_HH24,
    KEY_MI,
    KEY_SS,
    KEY_SSSS,
    KEY_MS,
    KEY_US,
    KEY_FF,
    KEY_AM,
    KEY_AM_DOTS,
    KEY_Y_YYY,
    KEY_YYYY,
    KEY_YYY,
    KEY_YY,
    KEY_Y,
    KEY_IYYY,
    KEY_IYY,
    KEY_IY,
    KEY_I,
    KEY_BC,
    KEY_BC_DOTS,
    KEY_MONTH,
    KEY_MON,
    KEY_MM,
    KEY_DAY,
    KEY_DY,
    KEY_DDD,
    KEY_IDDD,
    KEY_DD,
    KEY_D,
    KEY_ID,
    KEY_W,
    KEY_WW,
    KEY_IW,
    KEY_CC,
    KEY_J,
    KEY_Q,
    KEY_RM,
    KEY_TZ,
    KEY_TZH,
    KEY_TZM,
    KEY_OF,
} Key;

typedef enum LetterCase { CASE_UPPER, CASE_TITLE, CASE_LOWER } LetterCase;
typedef enum DateMode { MODE_NONE, MODE_GREGORIAN, MODE_ISO_WEEK } DateMode;

typedef struct TimeWord {
    const char *text;
    Key key;
    int width;     /* digits when it is filled; of FF its digits */
    bool digits;   /* a number: the field before it cannot take all digits there are */
    DateMode mode; /* of the calendar that it speaks of */
} TimeWord;

typedef enum NodeKind { NODE_FIELD, NODE_CHAR, NODE_SEPARATOR, NODE_SPACE } NodeKind;

typedef struct TimeNode {
    NodeKind kind;
    const TimeWord *word; /* NODE_FIELD */
    bool fill;            /* false after FM */
    bool translated;      /* after TM */
    char ordinal;         /* 't' or 'T' for th, TH */
    LetterCase letters;   /* how names are spelled: MONTH, Month, month */
    Slice text;           /* as in the format: a field's name, or one character */
} TimeNode;

typedef struct TimeFormat {
    TimeNode *nodes;
    size_t count;
} TimeFormat;

TimeFormat time_format_parse(Slice format, Arena *a);

extern const char *const time_month_names[12], *const time_day_names[7] /* from Sunday */;
extern const char *const time_roman_months[12];

#endif
