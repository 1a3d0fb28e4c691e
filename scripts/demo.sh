#!/usr/bin/env bash
# Encodes a clip on the embedded stack and shows what came of it: "make demo".
#
#   INPUT=film.mov scripts/demo.sh     encodes film.mov instead of a clip that it makes
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
. scripts/lib.sh

# What the clip is made with, and what encodes: the first one that this ffmpeg has.
first_encoder() {
	local list
	list=$(ffmpeg -hide_banner -encoders 2>/dev/null)
	for name in "$@"; do
		if grep -q "^ V[^ ]* *$name " <<<"$list"; then
			echo "$name"
			return
		fi
	done
	die "this ffmpeg has none of the encoders $*" "install a full build of ffmpeg"
}

# make_clip FILE: 20 s of 720p at 30000/1001 with motion in all of it, B-frames, open
# GOPs where the encoder has them, and two audio tracks in two languages.
make_clip() {
	local codec options=()
	codec=$(first_encoder libx264 libx265 libsvtav1 mpeg4)
	case $codec in
	libx264) options=(-preset veryfast -bf 3 -g 60 -x264-params open-gop=1) ;;
	libx265) options=(-preset ultrafast -x265-params log-level=error:keyint=60) ;;
	libsvtav1) options=(-preset 12 -g 60) ;;
	mpeg4) options=(-q:v 3 -bf 2 -g 30) ;;
	esac
	echo "making a clip: $1"
	ffmpeg -hide_banner -nostdin -loglevel error -y \
		-f lavfi -i "testsrc2=size=1280x720:rate=30000/1001:duration=20" \
		-f lavfi -i "mandelbrot=size=480x270:rate=30000/1001" \
		-f lavfi -i "sine=frequency=440:sample_rate=48000:duration=20" \
		-f lavfi -i "sine=frequency=660:sample_rate=48000:duration=20" \
		-filter_complex "[0:v][1:v]overlay=x='400+300*sin(t)':y='225+150*cos(1.3*t)':shortest=1,format=yuv420p[v]" \
		-map "[v]" -map 2:a -map 3:a -c:v "$codec" "${options[@]}" -c:a aac \
		-metadata:s:a:0 language=eng -metadata:s:a:1 language=deu "$1.new.mp4"
	mv "$1.new.mp4" "$1"
}

have git || die "git is not installed" "install it with your system's package manager"
need_go
need_ffmpeg

echo "building bin/reweave (the first time takes a few minutes)"
go build -o bin/ ./cmd/reweave

mkdir -p demo
input=${INPUT:-}
if [ -z "$input" ]; then
	input=demo/clip.mp4
	[ -e "$input" ] || make_clip "$input"
elif [ "${input#/}" = "$input" ]; then
	input=$here/$input
fi
[ -f "$input" ] || die "there is no file $input"

codec=$(first_encoder libx264 libx265 libsvtav1 librav1e)
name=$(basename "${input%.*}")
again="make demo${INPUT:+ INPUT=$(printf %q "$INPUT")}"
output=demo/$name.$codec.mp4
encode=(bin/reweave encode "$input" -o "$output" --codec "$codec" --data demo/data --force)

echo
printf '$'
printf ' %q' "${encode[@]}"
echo
"${encode[@]}"
echo
cat <<END
The deliverable is $output. What to try next:

  $again
      again: every chunk is reused
  make demo INPUT=/path/to/film.mov
      your own film
  bin/reweave encode $(printf %q "$input") -o demo/$(printf %q "$name").av1.mkv --codec libsvtav1 --data demo/data
      as AV1
  bin/reweave serve
      the HTTP API, at http://127.0.0.1:8080
  bin/reweave --help
END
