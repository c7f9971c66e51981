/* http/head.re - the scanner of request lines and header fields; see head.h.
 * The text it is given ends in LF, which no rule reads past. */
#include "http/head.h"

/*!re2c
re2c:define:YYCTYPE = "unsigned char";
re2c:yyfill:enable = 0;
re2c:tags = 1;

tchar   = [-!#$%&'*+.^_`|~0-9A-Za-z];
target  = [\x21-\x7e\x80-\xff]+;
content = [\t\x20-\x7e\x80-\xff]*;
eol     = "\r"? "\n";
*/

const char *http_scan_request(const char *p, HttpLine *out, int *major, int *minor)
{
    const unsigned char *YYCURSOR = (const unsigned char *)p, *YYMARKER;
    const unsigned char *m, *t, *u, *v;
    /*!stags:re2c format = "const unsigned char *@@;\n"; */
    (void)YYMARKER;
    /*!re2c
    * { return NULL; }
    @m tchar+ " " @t target @u " HTTP/" @v [0-9] "." [0-9] eol {
        out->name = (const char *)m;
        out->name_end = (const char *)t - 1;
        out->value = (const char *)t;
        out->value_end = (const char *)u;
        *major = v[0] - '0';
        *minor = v[2] - '0';
        return (const char *)YYCURSOR;
    }
    */
}

const char *http_scan_field(const char *p, HttpLine *out, bool *end)
{
    const unsigned char *YYCURSOR = (const unsigned char *)p, *YYMARKER;
    const unsigned char *n, *v, *w;
    /*!stags:re2c format = "const unsigned char *@@;\n"; */
    (void)YYMARKER;
    *end = false;
    /*!re2c
    * { return NULL; }
    eol {
        *end = true;
        return (const char *)YYCURSOR;
    }
    @n tchar+ ":" [ \t]* @v content @w eol {
        out->name = (const char *)n;
        for (out->name_end = out->name; *out->name_end != ':';)
            out->name_end++;
        out->value = (const char *)v;
        out->value_end = (const char *)w;
        return (const char *)YYCURSOR;
    }
    */
}
