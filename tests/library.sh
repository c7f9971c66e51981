#!/bin/sh
# libskulk shows skulk_* only, and needs neither libevent nor OpenSSL.
lib=$top_builddir/.libs/libskulk.so
exported=$(nm -D --defined-only "$lib" | awk '$2 != "A" { print $3 }')
needed=$(readelf -d "$lib" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
foreign=$(printf '%s\n' "$exported" | grep -v '^skulk_')
banned=$(printf '%s\n' "$needed" | grep -E '^lib(event|ssl|crypto|pq|curl|tomlplusplus)')
[ -n "$exported" ] || { echo "$lib exports nothing"; exit 1; }
[ -z "$foreign" ] || { echo "exported besides skulk_*: $foreign"; exit 1; }
[ -z "$banned" ] || { echo "linked with: $banned"; exit 1; }
