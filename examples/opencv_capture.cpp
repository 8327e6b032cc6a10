// Readings from what OpenCV captures: a camera's number, or a video file.
// Usage: opencv_capture SOURCE X0 Y0 X1 Y1, the last four the pixels to measure.
#include <rppg_fast.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <opencv2/videoio.hpp>
#include <string>

int main(int count, char** arguments) {
  if (count != 6) return std::fprintf(stderr, "usage: opencv_capture SOURCE X0 Y0 X1 Y1\n"), 2;
  const std::string source = arguments[1];
  const bool camera = source.find_first_not_of("0123456789") == std::string::npos;
  cv::VideoCapture capture;
  if (!(camera ? capture.open(std::stoi(source)) : capture.open(source)))
    return std::fprintf(stderr, "%s: cannot be opened\n", source.c_str()), 2;
  const rppg_box box{std::atoi(arguments[2]), std::atoi(arguments[3]), std::atoi(arguments[4]),
                     std::atoi(arguments[5])};

  rppg_model* model = nullptr;
  rppg_model_create_default(&model);
  const std::unique_ptr<rppg_model, decltype(&rppg_model_free)> owner(model, rppg_model_free);
  rppg_stream* made = nullptr;
  const int failed = rppg_stream_create(model, nullptr, &made);
  const std::unique_ptr<rppg_stream, decltype(&rppg_stream_free)> stream(made, rppg_stream_free);
  if (failed) return std::fprintf(stderr, "%s\n", rppg_stream_message(made)), 2;

  cv::Mat image;
  double next = 0;  // s
  while (capture.read(image)) {
    const double time = capture.get(cv::CAP_PROP_POS_MSEC) / 1000.0;
    rppg_frame frame{};
    frame.struct_size = sizeof frame;
    frame.format = RPPG_FORMAT_BGR24;
    frame.width = image.cols;
    frame.height = image.rows;
    frame.data = image.data;
    frame.stride = static_cast<ptrdiff_t>(image.step);
    rppg_reading reading{};
    reading.struct_size = sizeof reading;
    const int code = rppg_stream_push(made, &frame, &box, time, &reading);
    if (code == RPPG_ERROR_TIME) continue;  // a frame that came twice
    if (code) return std::fprintf(stderr, "%s\n", rppg_stream_message(made)), 2;
    if (time < next) continue;
    next = time + 1.0;
    std::printf("%.1f s: %s", time, rppg_status_name(reading.status));
    if (reading.status == RPPG_STATUS_OK) std::printf(", %.1f bpm", reading.heart_rate_bpm);
    std::printf("\n");
  }
}
