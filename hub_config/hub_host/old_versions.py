"""Versions of a parcel that a host needs no more, removed when a new one comes."""

from __future__ import annotations

from typing import Final

#: Beside `current`: the version that was in use before. Hidden, like everything unfinished.
PREVIOUS: Final = ".previous"

# Knows $folder, $current and $previous. A process tells the version that it began with by its
# environment or its arguments, and a seat, whose own are hidden, by what its jail shows. (The
# brackets keep the search from finding itself.)
FORGET: Final = r"""
kept() { readlink -- "$folder/$current" "$folder/$previous" || true; }
used() {
    cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/mountinfo 2> /dev/null |
        grep -aoE "$folder/[0-9a-f]{16}" | sed 's|.*/||'
}
needed=" $( { kept; used; } | sort -u | tr '\n' ' ') "
for version in "$folder"/*; do
    name=${version##*/}
    case "$needed" in *" $name "*) continue ;; esac
    case "$name" in
    *[!0-9a-f]*) ;;  # not one of ours
    ????????????????) rm -rf -- "${folder:?}/$name" || true ;;
    esac
done
"""
