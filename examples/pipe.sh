#!/bin/sh
# Readings from whatever ffmpeg decodes: a video file, a network stream, /dev/video0.
# Usage: pipe.sh INPUT WIDTHxHEIGHT FPS [X0,Y0,X1,Y1], the last the pixels to measure; without them the
# face is found.
#
# The same after GStreamer:
#   gst-launch-1.0 -q SOURCE ! videoconvert ! videorate \
#     ! video/x-raw,format=NV12,width=WIDTH,height=HEIGHT,framerate=FPS/1 ! fdsink fd=1 \
#     | rppg-fast-stream --format nv12 ...
set -e
"${FFMPEG:-ffmpeg}" -nostdin -loglevel error -i "$1" -vf "scale=$(echo "$2" | tr x :),fps=$3" \
  -f yuv4mpegpipe -pix_fmt yuv420p - |
  rppg-fast-stream --format y4m ${4:+--box "$4"} --summary
