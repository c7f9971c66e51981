#include "server/tools.h"

#include "storage/backup.h"
#include "storage/engine.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

static int complain(const Err *e)
{
    fprintf(stderr, "%s\n", e->message);
    if (e->hint[0])
        fprintf(stderr, "hint: %s\n", e->hint);
    return 1;
}

static const char *time_text(int64_t ms, char text[48])
{
    if (ms > 0 && ms < INT64_MAX / NS_PER_MS)
        text[clock_rfc3339(text, ms * NS_PER_MS)] = 0;
    else
        snprintf(text, 48, "an unknown time");
    return text;
}

static void print_info(const char *what, const BackupInfo *info)
{
    char text[48];
    if (!info->last)
        printf("%s, before the first record\n", what);
    else
        printf("%s, up to record %" PRIu64 " of %s\n", what, info->last,
               time_text(info->last_ms, text));
}

/* The directory is opened as it is: its log is read, nothing is changed. */
static int tool_backup(const char *dir, const char *target)
{
    EngineOptions o = {
        .dir = dir, .flags = ENGINE_READ_ONLY, .sched = sched_new(&clock_real, 0, 0, 0)};
    Engine *eng;
    BackupInfo info;
    Ticket t = {0};
    Err e;
    err_clear(&e);
    bool ok = engine_open(&eng, &o, &e);
    if (ok) {
        engine_backup(eng, target, &t);
        sched_run_until(o.sched, &t.done);
        ok = t.ok;
        if (!ok)
            e = t.err;
        engine_close(eng, false);
    }
    sched_free(o.sched);
    if (!ok || !backup_verify(&io_real, target, &info, &e))
        return complain(&e);
    print_info(target, &info);
    return 0;
}

static int tool_verify(const char *backup)
{
    BackupInfo info;
    Err e;
    err_clear(&e);
    if (!backup_verify(&io_real, backup, &info, &e))
        return complain(&e);
    printf("%s: %" PRIu64 " files, %" PRIu64 " bytes, every checksum is right\n", backup,
           info.files, info.bytes);
    print_info(backup, &info);
    return 0;
}

static bool restore_options(RestoreSpec *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"archive", required_argument, NULL, 'a'},
        {"until", required_argument, NULL, 't'},
        {"until-lsn", required_argument, NULL, 'n'},
        {0},
    };
    int opt;
    optind = 1;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        Slice text = slice_cstr(optarg);
        if (opt == 'a')
            s->archive = optarg;
        if (opt == '?')
            return false;
        if ((opt == 't' && !clock_parse_rfc3339(text, &s->until_ns)) ||
            (opt == 'n' && !slice_to_u64(text, &s->until_lsn))) {
            fprintf(stderr, "\"%s\" is not %s\n", optarg,
                    opt == 't' ? "a time such as 2026-01-31T12:00:00Z" : "the number of a record");
            return false;
        }
    }
    if (argc - optind != 2)
        return false;
    s->backup = argv[optind];
    s->target = argv[optind + 1];
    return true;
}

static int tool_restore(int argc, char **argv)
{
    RestoreSpec s = {
        .io = &io_real, .clock = &clock_real, .until_ns = INT64_MAX, .until_lsn = UINT64_MAX};
    BackupInfo info;
    Err e;
    err_clear(&e);
    if (!restore_options(&s, argc, argv)) {
        fputs("usage: alopex-skulk restore BACKUP TARGET [--archive DIR] [--until TIME | "
              "--until-lsn N]\n",
              stderr);
        return 1;
    }
    if (!backup_restore(&s, &info, &e))
        return complain(&e);
    print_info(s.target, &info);
    return 0;
}

bool tool_run(int argc, char **argv, int *exit_status)
{
    if (strcmp(argv[0], "backup") == 0 && argc == 3)
        *exit_status = tool_backup(argv[1], argv[2]);
    else if (strcmp(argv[0], "verify") == 0 && argc == 2)
        *exit_status = tool_verify(argv[1]);
    else if (strcmp(argv[0], "restore") == 0)
        *exit_status = tool_restore(argc, argv);
    else
        return false;
    return true;
}
