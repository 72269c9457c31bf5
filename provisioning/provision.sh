#!/bin/sh
# Makes a kiosk out of a Raspberry Pi (or a mounted image of its card): account, code, packages, units, claim.
# Every step looks first and changes only what is not yet so: a second run changes nothing, and a run after a
# failure goes on where the first one stopped.
set -eu
umask 022
export LC_ALL=C

tree=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
units="hadir.target hadir-station.service hadir-sync.service hadir-health.service hadir-health.timer
       hadir-firstboot.service hadir-claim.service"
enabled="hadir.target hadir-station.service hadir-sync.service hadir-health.timer hadir-firstboot.service
         hadir-claim.service"
# The installed packages are 620 MB; as much again passes through while they are installed.
needed_mb=1500
default_pins='{pins: {green: 17, amber: 27, red: 22, buzzer: 18, lamp: 12, left: 23, right: 24, up: 25}}'

usage() {
    cat <<'TEXT'
usage: sudo provisioning/provision.sh --server URL [--token-file FILE] [options]

  --server URL        the central server, https://...
  --token-file FILE   file with the one-time claim token; without it you are asked for the token
  --token -           read the token from standard input
  --camera URL        picamera2: (the default on a Raspberry Pi), v4l2:/dev/video0 or rtsp://...
  --authority FILE    certificate of the authority that the server's certificate must come from
  --hostname NAME     give the machine this name
  --language id|en    what the kiosk shows and speaks (id)
  --voice             prompts and results are spoken, by espeak-ng through a loudspeaker
  --root DIR          work on a mounted image instead of this machine
  --dry-run           print what would be done, change nothing
  --uninstall         remove code and units; configuration and records stay

Example: sudo provisioning/provision.sh --server https://hadir.example --hostname kiosk-lobby
TEXT
}

changes=0
finished=no
root=
server=
token_file=
camera=
authority=
hostname=
language=
voice=no
dry_run=no
uninstall=no

say() { printf '  %-5s %s\n' "$1" "$2"; }
die() { finished=yes; echo "provision: $1" >&2; exit "${2:-1}"; }

# What a step does: a line for the technician, and the command unless this is a dry run.
change() {
    changes=$((changes + 1))
    if [ "$dry_run" = yes ]; then
        say would "$1"
    else
        say step "$1"
        shift
        "$@"
    fi
}

stopped() {
    rm -rf "$scratch"
    [ "$finished" = yes ] ||
        echo "provision: stopped before the end (see above). Run the same command again: it goes on from here." >&2
}

value() { [ -n "${2:-}" ] || die "$1 needs a value; see --help" 2; }

while [ $# -gt 0 ]; do
    case $1 in
        --server) value "$@"; server=$2; shift ;;
        --token-file) value "$@"; token_file=$2; shift ;;
        --token)
            value "$@"
            [ "$2" = - ] || die "a token on the command line stays in the log of sudo: use --token-file FILE, or --token - and paste it" 2
            token_file=-; shift ;;
        --camera) value "$@"; camera=$2; shift ;;
        --authority) value "$@"; authority=$2; shift ;;
        --hostname) value "$@"; hostname=$2; shift ;;
        --language) value "$@"; language=$2; shift ;;
        --voice) voice=yes ;;
        --root) value "$@"; root=$2; shift ;;
        --dry-run) dry_run=yes ;;
        --uninstall) uninstall=yes ;;
        -h | --help) usage; exit 0 ;;
        *) die "there is no option '$1'; see --help" 2 ;;
    esac
    shift
done

scratch=$(mktemp -d)
trap stopped EXIT
trap 'exit 130' INT TERM

if [ -n "$root" ]; then
    [ -d "$root" ] || die "--root $root is not a directory: mount the card's root partition there first"
    root=$(cd "$root" && pwd)
    [ "$root" != / ] || die "--root / is this machine: leave --root away"
fi
# systemctl and systemd-sysusers act on the image only with this.
in_root=${root:+--root=$root}
config=$root/etc/hadir/kiosk.yaml
token=$root/etc/hadir/claim-token
code=$root/opt/hadir
stamp=$code/.venv/.lock-kiosk

# Whole values: grep looks at lines, and a second line would slip into a file unseen.
matches() { [ "$(printf '%s\n' "$1" | wc -l)" = 1 ] && printf '%s\n' "$1" | grep -Eqx "$2"; }
on_image() { [ -n "$root" ]; }
# An image can be worked in from inside when this machine runs its programs (same processor, or qemu) and /dev is there.
runnable() { [ -c "$root/dev/null" ] && chroot "$root" /usr/bin/python3 -c '' 2>/dev/null; }
inside() {
    if on_image; then
        chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C "$@"
    else
        env "$@"
    fi
}
# An image under construction may have no /etc/passwd yet, but root is 0 everywhere.
id_in() {
    [ "$2" != root ] || { echo 0; return; }
    awk -F: -v name="$2" '$1 == name { print $3; exit }' "$root/etc/$1" 2>/dev/null
}
uid_of() { id_in passwd "$1"; }
gid_of() { id_in group "$1"; }
has_package() {
    awk -v name="Package: $1" 'BEGIN { RS = ""; FS = "\n" }
        $1 == name && /\nStatus: install ok installed/ { found = 1 } END { exit !found }' "$root/var/lib/dpkg/status"
}

# Puts one file in place if it differs: SOURCE TARGET MODE; returns 1 where nothing had to be done.
put() {
    if cmp -s "$1" "$2" && [ "$(stat -c '%a %u %g' "$2")" = "${3#0} 0 0" ]; then
        return 1
    fi
    if [ "$dry_run" = no ]; then
        { install -D -o 0 -g 0 -m "$3" "$1" "$2.new" && mv -f "$2.new" "$2"; } ||
            die "$2 could not be written (see above): check that its file system is writable and not full"
    fi
}
put_and_say() {
    if put "$1" "$2" "$3"; then
        changes=$((changes + 1))
        if [ "$dry_run" = yes ]; then say would "write ${2#"$root"}"; else say step "write ${2#"$root"}"; fi
    fi
}

check_system() {
    [ "$dry_run" = yes ] || [ "$(id -u)" = 0 ] || die "this needs root. Run: sudo $0 ..."
    [ -f "$root/etc/os-release" ] || die "${root:-/} holds no system (no etc/os-release): mount the card's root partition, the second one"
    # shellcheck disable=SC1091
    os=$(. "$root/etc/os-release" && echo "${ID:-} ${VERSION_ID:-}")
    case $os in
        "debian 12" | "raspbian 12") ;;
        *) die "this is '$os', and Hadir runs on Debian 12 (Bookworm): write Raspberry Pi OS (Legacy, 64-bit) Bookworm with Raspberry Pi Imager" ;;
    esac
    if [ -e "$root/lib/ld-linux-aarch64.so.1" ]; then
        machine=arm64
    elif [ -e "$root/lib64/ld-linux-x86-64.so.2" ]; then
        machine=amd64
    else
        die "this system is not 64-bit arm or x86, and the recognition packages exist for no other: write the 64-bit Raspberry Pi OS"
    fi
    [ -e "$root/usr/bin/python3.11" ] || [ -e "$root/usr/bin/python3.12" ] || on_image ||
        die "Python 3.11 or 3.12 is missing. Mend it with: apt-get install python3 python3-venv"
    board="no Raspberry Pi"
    if ! on_image && [ -r /proc/device-tree/model ]; then
        board=$(tr -d '\0' </proc/device-tree/model)
    elif [ -e "$root/etc/rpi-issue" ]; then
        board="Raspberry Pi"
    fi
    say ok "Debian 12, $machine, $board"
    if [ ! -f "$stamp" ]; then
        free_mb=$(($(df -Pk "${root:-/}" | awk 'NR == 2 { print $4 }') / 1024))
        [ "$free_mb" -ge "$needed_mb" ] || die "only $free_mb MB are free and $needed_mb MB are needed: use a card of 16 GB or more, or expand its file system with raspi-config"
    fi
    on_image || [ "$dry_run" = yes ] || [ -d /run/systemd/system ] ||
        die "systemd does not run here, so nothing can be started: for an image or a container use --root DIR"
    for tool in systemctl systemd-sysusers; do
        command -v "$tool" >/dev/null || die "$tool is missing. Mend it with: apt-get install systemd"
    done
}

check_options() {
    [ -z "$authority" ] || grep -q 'BEGIN CERTIFICATE' "$authority" ||
        die "--authority $authority holds no certificate: it is the PEM file of the server's authority" 2
    case $language in "" | id | en) ;; *) die "--language is id or en, not $language" 2 ;; esac
    [ -z "$hostname" ] || matches "$hostname" '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?' ||
        die "--hostname $hostname: use lower-case letters, digits and hyphens, 63 at most" 2
    if [ -f "$config" ]; then
        there=$(sed -n 's/^server: *"\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$config")
        [ -z "$server" ] || [ "$server" = "$there" ] ||
            die "${config#"$root"} names the server $there, not $server: change it there, or remove the file, and run this again"
        server=$there
        there=$(sed -n 's/^camera: *"\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$config")
        [ -z "$camera" ] || [ "$camera" = "$there" ] ||
            die "${config#"$root"} names the camera $there, not $camera: change it there, or remove the file, and run this again"
        camera=$there
        return
    fi
    [ -n "$server" ] || die "--server is missing: give the server's address, as in --server https://hadir.example" 2
    matches "$server" 'https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?|http://(localhost|127\.0\.0\.1)(:[0-9]+)?' ||
        die "--server $server must begin with https:// and be a plain address, as in https://hadir.example" 2
    case $camera in
        "")
            [ "$board" != "no Raspberry Pi" ] || die "--camera is missing: this is no Raspberry Pi, so name one, as in --camera v4l2:/dev/video0" 2
            camera=picamera2: ;;
    esac
    matches "$camera" 'picamera2:[A-Za-z0-9=,&?_.-]*|v4l2:/dev/[A-Za-z0-9=,&?/_.:-]+|rtsp://[A-Za-z0-9.:_~/?=&%-]+' ||
        die "--camera $camera is no camera of a kiosk: use picamera2:, v4l2:/dev/video0 or rtsp://host/path (without a password)" 2
}

# The token goes to a file of root's at once, so that a run after a failure does not ask again.
keep_token() {
    if [ -e "$root/var/lib/hadir/device.json" ]; then
        say ok "this device is claimed"
        [ -z "$token_file" ] || say note "the token is not used; to claim anew, remove /var/lib/hadir/device.json and run this again"
        [ ! -e "$token" ] || change "remove a token that is not needed any more" rm -f "$token"
        return
    fi
    if [ -z "$token_file" ] && [ -s "$token" ]; then
        say ok "the claim token is there, not used yet"
        return
    fi
    if [ -z "$token_file" ] && [ -t 0 ] && [ "$dry_run" = no ]; then
        printf '  token (from the claim sheet, not shown): '
        trap 'stty echo; exit 130' INT TERM
        stty -echo
        IFS= read -r typed || true
        stty echo
        trap 'exit 130' INT TERM
        echo
        printf '%s\n' "$typed" >"$scratch/token"
        unset typed
    elif [ "$token_file" = - ]; then
        cat >"$scratch/token"
    elif [ -n "$token_file" ]; then
        [ -r "$token_file" ] || die "--token-file $token_file cannot be read: check the name" 2
        cp "$token_file" "$scratch/token"
    else
        die "the claim token is missing: give --token-file FILE with the token from the claim sheet" 2
    fi
    # One line: a pattern alone would let a second, wrong line through.
    if [ "$(grep -c . "$scratch/token")" != 1 ] ||
        ! grep -Eqx '[A-Za-z0-9-]{1,32}\.[A-Z2-7]{26}\.[0-9a-f]{16}[[:space:]]*' "$scratch/token"; then
        die "this is no claim token: it is one line, the device's name, 26 letters and digits, 16 digits, with dots between, as on the claim sheet" 2
    fi
    put_and_say "$scratch/token" "$token" 0600
}

install_debian_packages() {
    if [ ! -f "$root/var/lib/dpkg/status" ]; then
        say note "no package database here: Debian packages not checked"
        return
    fi
    wanted="python3 python3-venv ca-certificates"
    case $camera in picamera2:*) wanted="$wanted python3-picamera2" ;; esac
    ! speaks || wanted="$wanted espeak-ng"
    has_package systemd-timesyncd || has_package chrony || wanted="$wanted systemd-timesyncd"
    missing=
    for package in $wanted; do has_package "$package" || missing="$missing $package"; done
    if [ -z "$missing" ]; then
        say ok "Debian packages are there"
        return
    fi
    ! on_image || runnable ||
        die "the image lacks$missing and cannot be worked in from here: boot it once with a network and run this there, or install qemu-user-static and mount /dev"
    # shellcheck disable=SC2086
    change "install$missing" install_by_apt $missing
}

speaks() { [ "$voice" = yes ] || grep -qs '^voice: true' "$config"; }

install_by_apt() {
    inside apt-get -qq update || die "apt-get update failed (see above): check the network, then run the same command again"
    inside DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" ||
        die "apt-get could not install $* (see above): mend it with apt-get -f install, then run the same command again"
}

make_account() {
    put_and_say "$tree/systemd/sysusers.d/hadir.conf" "$root/etc/sysusers.d/hadir.conf" 0644
    # Only groups that exist: a group made here would own no device.
    echo "# Groups of this machine that own camera, lamps, loudspeaker and firmware mailbox; written by provision.sh." >"$scratch/groups"
    joined=yes
    for group in video gpio render audio; do
        [ -n "$(gid_of "$group")" ] || continue
        echo "m hadir $group" >>"$scratch/groups"
        awk -F: -v name="$group" '$1 == name && ("," $4 ",") ~ /,hadir,/ { found = 1 } END { exit !found }' "$root/etc/group" || joined=no
    done
    put_and_say "$scratch/groups" "$root/etc/sysusers.d/hadir-groups.conf" 0644
    if [ -z "$(uid_of hadir)" ] || [ "$joined" = no ]; then
        # shellcheck disable=SC2086
        change "make the account hadir, without password or shell" systemd-sysusers $in_root hadir.conf hadir-groups.conf
    fi
    [ "$dry_run" = yes ] || [ -n "$(uid_of hadir)" ] || die "the account hadir could not be made (see above)"
}

make_directories() {
    put_and_say "$tree/systemd/tmpfiles.d/hadir.conf" "$root/etc/tmpfiles.d/hadir.conf" 0644
    while read -r kind path mode owner group _; do
        [ "$kind" = d ] || continue
        [ "$(stat -c '0%a %u %g' "$root$path" 2>/dev/null)" != "$mode $(uid_of "$owner") $(gid_of "$group")" ] || continue
        change "make $path, $owner, $mode" install -d -m "$mode" -o "$(uid_of "$owner")" -g "$(gid_of "$group")" "$root$path"
    done <"$tree/systemd/tmpfiles.d/hadir.conf"
}

# What a kiosk needs of the release, owned by root; files of an older release go.
copy_code() {
    if [ "$tree" = "$code" ]; then
        say ok "the code is this copy"
        return
    fi
    (cd "$tree" && find hadir kiosk protocol locks systemd provisioning -type f ! -path '*/__pycache__/*' | sort) >"$scratch/new"
    copied=0
    while read -r file; do
        mode=0644
        [ ! -x "$tree/$file" ] || mode=0755
        if put "$tree/$file" "$code/$file" "$mode"; then copied=$((copied + 1)); fi
    done <"$scratch/new"
    old=0
    if [ -d "$code" ]; then
        (cd "$code" && find . -path ./.venv -prune -o -type f ! -path '*/__pycache__/*' ! -name .setup.lock -print |
            sed 's|^\./||' | sort) | comm -13 "$scratch/new" - >"$scratch/old"
        while read -r file; do
            old=$((old + 1))
            [ "$dry_run" = yes ] || rm -f "$code/$file"
        done <"$scratch/old"
    fi
    if [ "$copied" = 0 ] && [ "$old" = 0 ]; then
        say ok "the code in /opt/hadir is this release"
    else
        change "bring /opt/hadir to this release: $copied files written, $old removed" :
        compile=yes
    fi
    if [ "$(readlink "$root/usr/local/bin/hadir" || true)" != /opt/hadir/hadir ]; then
        change "link /usr/local/bin/hadir" link_command
    fi
}
link_command() { mkdir -p "$root/usr/local/bin" && ln -sfn /opt/hadir/hadir "$root/usr/local/bin/hadir"; }

write_configuration() {
    if [ -n "$hostname" ] && [ "$(cat "$root/etc/hostname" 2>/dev/null)" != "$hostname" ]; then
        change "name this machine $hostname" name_machine
    fi
    [ -z "$authority" ] || put_and_say "$authority" "$root/etc/hadir/authority.pem" 0644
    if [ -f "$config" ]; then
        [ -z "$authority" ] || grep -q '^authority:' "$config" ||
            die "/etc/hadir/kiosk.yaml names no authority: add the line 'authority: /etc/hadir/authority.pem' and run this again"
        [ "$voice" = no ] || grep -q '^voice: true' "$config" ||
            die "/etc/hadir/kiosk.yaml does not say that the kiosk speaks: add the line 'voice: true' and run this again"
        say ok "/etc/hadir/kiosk.yaml is there and stays as it is"
    else
        indicator=$default_pins
        [ "$board" != "no Raspberry Pi" ] || indicator='{mock: true}'
        sed -e "s|@CAMERA@|$(escaped "$camera")|" -e "s|@SERVER@|$(escaped "$server")|" -e "s|@LANGUAGE@|${language:-id}|" \
            -e "s|@INDICATOR@|$indicator|" "$tree/provisioning/kiosk.yaml.template" >"$scratch/kiosk.yaml"
        [ -z "$authority" ] || echo "authority: /etc/hadir/authority.pem" >>"$scratch/kiosk.yaml"
        [ "$voice" = no ] || echo "voice: true" >>"$scratch/kiosk.yaml"
        put_and_say "$scratch/kiosk.yaml" "$config" 0644
    fi
    put_and_say "$tree/systemd/sysctl.d/60-hadir.conf" "$root/etc/sysctl.d/60-hadir.conf" 0644
}
# "&" in an address means "the match" to sed.
escaped() { printf '%s' "$1" | sed 's/[&|\\]/\\&/g'; }
name_machine() {
    echo "$hostname" >"$root/etc/hostname"
    touch "$root/etc/hosts"
    sed '/^127\.0\.1\.1[[:space:]]/d' "$root/etc/hosts" >"$scratch/hosts"
    printf '127.0.1.1\t%s\n' "$hostname" >>"$scratch/hosts"
    cat "$scratch/hosts" >"$root/etc/hosts"
    on_image || hostnamectl set-hostname "$hostname"
}

install_units() {
    before=$changes
    for unit in $units; do put_and_say "$tree/systemd/$unit" "$root/etc/systemd/system/$unit" 0644; done
    drop_in=$root/etc/systemd/system/hadir-station.service.d/network-camera.conf
    case $camera in
        rtsp:*) put_and_say "$tree/systemd/drop-ins/network-camera.conf" "$drop_in" 0644 ;;
        *) [ ! -e "$drop_in" ] || change "take the network from the station again" rm -f "$drop_in" ;;
    esac
    [ "$changes" = "$before" ] || on_image || [ "$dry_run" = yes ] || systemctl daemon-reload
    for unit in $enabled; do
        # shellcheck disable=SC2086
        if ! systemctl $in_root is-enabled --quiet "$unit" 2>/dev/null; then
            change "enable $unit" systemctl --quiet $in_root enable "$unit"
        fi
    done
}

install_python_packages() {
    if [ -f "$stamp" ] && cmp -s "$stamp" "$tree/locks/kiosk.txt"; then
        say ok "the Python packages are those of the lock"
    elif on_image && ! runnable; then
        say note "this machine cannot run the image's programs: the first boot installs the packages (network needed, some minutes)"
        # An older release's packages do not fit: without their stamp the first boot replaces them.
        [ ! -e "$stamp" ] || change "mark the older packages as outdated" rm -f "$stamp"
        return
    else
        change "install the Python packages of the lock" set_up_packages
        compile=yes
    fi
    if [ "$compile" = yes ]; then
        change "compile them: the services cannot write what they import" compile_packages
    fi
}
set_up_packages() {
    inside HADIR_VENV_OPTIONS=--system-site-packages /opt/hadir/hadir setup kiosk && return
    on_image || die "the Python packages could not be installed (see above): check the network, then run the same command again"
    say note "that failed (see above) and is left to the first boot"
    compile=no
}
compile_packages() {
    inside /opt/hadir/.venv/bin/python -m compileall -q /opt/hadir/.venv/lib /opt/hadir/kiosk /opt/hadir/protocol >/dev/null ||
        say note "some files of the packages do not compile; they are not used"
}

start() {
    [ "$dry_run" = no ] || return 0
    if [ -e "$token" ]; then
        # The unit goes on trying after this has given up waiting.
        say step "claim this device at $server"
        timeout 90 systemctl start hadir-claim.service || true
        [ -e /var/lib/hadir/device.json ] ||
            die "the device could not be claimed: $(journalctl -u hadir-claim.service -t hadir -n 1 -o cat --no-pager). The unit goes on trying; with another token, run this again with --token-file"
    fi
    if [ "$changes" != 0 ]; then
        timeout 150 systemctl restart hadir.target || true
    fi
}

self_test() {
    failed=no
    for unit in hadir-station.service hadir-sync.service hadir-health.timer; do
        if systemctl is-active --quiet "$unit"; then
            say ok "$unit runs $(systemctl show "$unit" -p StatusText --value)"
        else
            say FAIL "$unit does not run. Look with: journalctl -u $unit -n 20"
            failed=yes
        fi
    done
    if [ "$(timedatectl show -p NTPSynchronized --value 2>/dev/null)" = yes ]; then
        say ok "the clock is synchronised"
    else
        say note "the clock is not synchronised yet; marks are kept and dated later. Look with: timedatectl"
    fi
    [ "$failed" = no ] || die "the self-test failed (see above)"
    cat <<'TEXT'

  Now look at the lamps. White, and amber blinking: not ready, nobody is enrolled here yet. White and dim, once the
  gallery has come: ready; step in front of the camera, and white becomes bright, then green with one beep, or red
  with three. Amber and steady: a fault, and hadir kiosk status says which.
TEXT
}

hints() {
    boot=$root/boot/firmware
    [ -f "$boot/config.txt" ] || return 0
    case $board in
        *"Pi 5"*) say hint "a Pi 5 has a clock: fit its battery, or it forgets the time with the power" ;;
        *)
            grep -q '^dtoverlay=i2c-rtc' "$boot/config.txt" ||
                say hint "for the DS3231 clock of a Pi 4: echo dtoverlay=i2c-rtc,ds3231 >> /boot/firmware/config.txt, then restart" ;;
    esac
    grep -q 'cgroup_enable=memory' "$boot/cmdline.txt" 2>/dev/null ||
        say hint "memory limits of the services need cgroup_enable=memory at the end of the line in /boot/firmware/cmdline.txt"
}

remove() {
    cd /
    for unit in $units; do
        [ -e "$root/etc/systemd/system/$unit" ] || continue
        change "stop and remove $unit" remove_unit "$unit"
    done
    for path in etc/systemd/system/hadir-station.service.d etc/sysusers.d/hadir.conf etc/sysusers.d/hadir-groups.conf \
        etc/tmpfiles.d/hadir.conf etc/sysctl.d/60-hadir.conf usr/local/bin/hadir opt/hadir; do
        if [ -e "$root/$path" ] || [ -L "$root/$path" ]; then change "remove /$path" rm -rf "$root/${path:?}"; fi
    done
    [ "$dry_run" = yes ] || on_image || systemctl daemon-reload
    say note "/etc/hadir, /var/lib/hadir and the account hadir stay: the records are in there"
}
remove_unit() {
    if on_image; then systemctl --quiet "$in_root" disable "$1"; else systemctl --quiet disable --now "$1"; fi
    rm -f "$root/etc/systemd/system/$1"
}

compile=no
check_system
if [ "$uninstall" = yes ]; then
    remove
else
    check_options
    keep_token
    install_debian_packages
    make_account
    make_directories
    copy_code
    write_configuration
    install_units
    install_python_packages
    on_image || start
    hints
    if ! on_image && [ "$dry_run" = no ]; then self_test; fi
fi
finished=yes
if [ "$changes" = 0 ]; then
    echo "provision: nothing to change, all is as it should be"
elif [ "$dry_run" = yes ]; then
    echo "provision: $changes changes would be made; none was"
else
    echo "provision: done, $changes changes"
fi
