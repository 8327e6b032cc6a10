/* The heart rate in a file of raw frames: blue, green, red, a byte each, rows without a gap.
 * Usage: raw_frames FILE WIDTH HEIGHT FPS X0 Y0 X1 Y1, the last four the pixels to measure. */
#include <rppg_fast.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(call, message)                      \
  do {                                            \
    if ((call) == RPPG_OK) break;                 \
    fprintf(stderr, "raw_frames: %s\n", message); \
    exit(2);                                      \
  } while (0)

int main(int count, char** arguments) {
  if (count != 9) {
    fprintf(stderr, "usage: raw_frames FILE WIDTH HEIGHT FPS X0 Y0 X1 Y1\n");
    return 2;
  }
  FILE* file = fopen(arguments[1], "rb");
  int width = atoi(arguments[2]), height = atoi(arguments[3]);
  double fps = atof(arguments[4]);
  rppg_box box = {atoi(arguments[5]), atoi(arguments[6]), atoi(arguments[7]), atoi(arguments[8])};
  size_t bytes = (size_t)width * (size_t)height * 3;
  uint8_t* pixels = malloc(bytes);
  if (!file || !pixels) {
    perror(arguments[1]);
    return 2;
  }

  rppg_model* model;
  rppg_stream* stream;
  rppg_recording* recording;
  CHECK(rppg_model_create_default(&model), rppg_model_message(model));
  CHECK(rppg_stream_create(model, NULL, &stream), rppg_stream_message(stream));
  CHECK(rppg_recording_create(1.0, 0, &recording), rppg_recording_message(recording));

  rppg_frame frame = {sizeof frame, RPPG_FORMAT_BGR24, width, height, pixels, 0, NULL, 0};
  rppg_reading reading = {.struct_size = sizeof reading};
  for (int i = 0; fread(pixels, 1, bytes, file) == bytes; ++i) {
    CHECK(rppg_stream_push(stream, &frame, &box, i / fps, &reading), rppg_stream_message(stream));
    CHECK(rppg_recording_take(recording, &reading, NULL), rppg_recording_message(recording));
  }
  rppg_summary summary = {.struct_size = sizeof summary};
  CHECK(rppg_recording_summarise(recording, &summary), rppg_recording_message(recording));
  if (summary.status == RPPG_STATUS_OK)
    printf("%.4f bpm (confidence %.3f)\n", summary.heart_rate_bpm, summary.confidence);
  else
    printf("no heart rate: %s\n", rppg_status_name(summary.status));

  rppg_recording_free(recording);
  rppg_stream_free(stream);
  rppg_model_free(model);
  free(pixels);
  fclose(file);
  return summary.status == RPPG_STATUS_OK ? 0 : 3;
}
