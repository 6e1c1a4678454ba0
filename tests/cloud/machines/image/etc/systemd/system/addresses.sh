# The second serial line tells our owner how far the boot is.
echo booting > /dev/ttyS1
while [ ! -e /sys/class/net/eth0 ]; do sleep 0.1; done
ip link set lo up
ip link set eth0 up
for address in $(sed 's/.*addresses=\([^ ]*\).*/\1/; s/,/ /g' /proc/cmdline); do
    ip address add "$address" dev eth0
done
