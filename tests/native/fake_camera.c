/* A replacement of a camera for LD_PRELOAD. The device /dev/fake delivers the frames of the file
 * FAKE_FRAMES, each of FAKE_BYTES bytes and in the pixel format FAKE_FORMAT, at 30 Hz by its own
 * clock. Before every tenth frame it delivers a damaged one. It is unplugged after the last frame.
 * It only uses buffers that are queued. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { kBuffers = 4 };

static int camera = -1;
static FILE* frames;
static unsigned bytes, room; /* size of a frame and of a buffer */
static int queued[kBuffers], order[kBuffers], waiting, shown, streaming;

int open(const char* path, int flags, ...) {
  static int (*next)(const char*, int, ...);
  if (!next) *(void**)&next = dlsym(RTLD_NEXT, "open");
  va_list rest;
  va_start(rest, flags);
  const int mode = va_arg(rest, int);
  va_end(rest);
  if (strcmp(path, "/dev/fake") != 0) return next(path, flags, mode);
  frames = fopen(getenv("FAKE_FRAMES"), "rb");
  return camera = memfd_create("camera", 0);
}

static int give(struct v4l2_buffer* buffer) {
  static int damaged;
  if (!streaming || waiting == 0) return errno = EAGAIN, -1;
  const int index = order[0];
  memmove(order, order + 1, sizeof order - sizeof *order);
  --waiting;
  queued[index] = 0;
  buffer->index = (unsigned)index;
  buffer->flags = 0;
  if (shown % 10 == 9 && !damaged) {
    damaged = 1;
    buffer->flags = V4L2_BUF_FLAG_ERROR;
    return 0;
  }
  damaged = 0;
  char pixels[1 << 20];
  if (fread(pixels, 1, bytes, frames) != bytes) return errno = ENODEV, -1;
  if (pwrite(camera, pixels, bytes, (off_t)index * room) != (ssize_t)bytes) abort();
  const long microseconds = (shown * 1000000L + 15) / 30;
  buffer->bytesused = bytes;
  buffer->timestamp.tv_sec = 5 + microseconds / 1000000;
  buffer->timestamp.tv_usec = microseconds % 1000000;
  ++shown;
  return 0;
}

int ioctl(int descriptor, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (descriptor != camera) return errno = ENOTTY, -1;
  struct v4l2_buffer* buffer = argument;
  switch (request) {
    case VIDIOC_QUERYCAP:
      ((struct v4l2_capability*)argument)->capabilities =
          V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
      return 0;
    case VIDIOC_S_FMT: {
      struct v4l2_pix_format* pixels = &((struct v4l2_format*)argument)->fmt.pix;
      memcpy(&pixels->pixelformat, getenv("FAKE_FORMAT"), 4);
      const unsigned format = pixels->pixelformat;
      const int pairs = format == V4L2_PIX_FMT_YUYV || format == V4L2_PIX_FMT_UYVY;
      const unsigned across = format == V4L2_PIX_FMT_BGR24 ? 3 : pairs ? 2 : 1;
      pixels->bytesperline = format == V4L2_PIX_FMT_MJPEG ? 0 : pixels->width * across;
      bytes = (unsigned)atoi(getenv("FAKE_BYTES"));
      pixels->sizeimage = bytes;
      room = (bytes + 4095) / 4096 * 4096;
      return ftruncate(camera, (off_t)kBuffers * room);
    }
    case VIDIOC_S_PARM:
      return 0;
    case VIDIOC_REQBUFS:
      ((struct v4l2_requestbuffers*)argument)->count = kBuffers;
      return 0;
    case VIDIOC_QUERYBUF:
      buffer->length = room;
      buffer->m.offset = buffer->index * room;
      return 0;
    case VIDIOC_QBUF:
      if (buffer->index >= kBuffers || queued[buffer->index]) return errno = EINVAL, -1;
      queued[buffer->index] = 1;
      order[waiting++] = (int)buffer->index;
      return 0;
    case VIDIOC_STREAMON:
      streaming = 1;
      return 0;
    case VIDIOC_DQBUF:
      return give(buffer);
    default:
      return errno = ENOTTY, -1;
  }
}

int poll(struct pollfd* descriptors, nfds_t count, int timeout) {
  (void)count, (void)timeout;
  descriptors->revents = POLLIN;
  return waiting > 0;
}
