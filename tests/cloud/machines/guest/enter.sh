#!/bin/sh
# Runs in the new namespaces of a host: makes its root and becomes its init.
# $1: the host's folder, with upper/, work/ and root/; $2: the layers below, separated by colons.
# Standard input ends with the machine's owner, standard output tells it events, standard error
# is the console.
set -eu
# Nobody needs these disks after a power cut, and syncing fifty of them takes long.
(cd "$1/work" && rm -rf work/incompat)
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work,volatile" machine "$1/root"
cd "$1/root"
mount -t proc -o nosuid,nodev,noexec proc proc
pivot_root . mnt
umount -l /mnt
mount -a
# The kernel is this machine's: a host must not change it. Each boot has its own identity.
mount -o bind,ro /proc/sys /proc/sys
mount -o bind /etc/machine-boot-id /proc/sys/kernel/random/boot_id
# A jail may mount a proc of its own only where a whole one can be seen: not one with binds in it.
mkdir -m 700 /run/whole-proc
mount -t proc -o nosuid,nodev,noexec proc /run/whole-proc
cd /
exec setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio,-sys_boot \
    /usr/bin/python3.11 -I -S /usr/local/lib/machine/init.py
