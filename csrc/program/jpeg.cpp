// The JPEG decoder with libjpeg or libjpeg-turbo.
#include "jpeg.hpp"

#include <jpeglib.h>

#include <csetjmp>
#include <cstdio>  // required by jpeglib.h, which does not include it

#include "source.hpp"

// libjpeg reports an error by calling a function that must not return.
struct JpegDecoder::Codec {
  jpeg_decompress_struct state{};
  jpeg_error_mgr errors{};
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX] = "";
};

JpegDecoder::JpegDecoder() : codec_(std::make_unique<Codec>()) {
  codec_->state.err = jpeg_std_error(&codec_->errors);
  codec_->state.client_data = codec_.get();
  codec_->errors.error_exit = [](j_common_ptr state) {
    auto* const codec = static_cast<Codec*>(state->client_data);
    state->err->format_message(state, codec->message);
    std::longjmp(codec->failed, 1);
  };
  codec_->errors.emit_message = [](j_common_ptr state, int level) {
    if (level >= 0) return;  // not a warning
    auto* const codec = static_cast<Codec*>(state->client_data);
    if (state->err->num_warnings++ == 0) state->err->format_message(state, codec->message);
  };
  jpeg_create_decompress(&codec_->state);
}

JpegDecoder::~JpegDecoder() { jpeg_destroy_decompress(&codec_->state); }

// Between setjmp and longjmp no object may be created that has a destructor.
bool JpegDecoder::decode(const std::uint8_t* data, std::size_t length, rppg_frame& frame) {
  Codec& codec = *codec_;
  jpeg_decompress_struct& state = codec.state;
  codec.errors.num_warnings = 0;
  if (setjmp(codec.failed)) {
    jpeg_abort_decompress(&state);
    damage_ = codec.message;
    return false;
  }
  jpeg_mem_src(&state, data, static_cast<unsigned long>(length));
  jpeg_read_header(&state, TRUE);
  state.out_color_space = JCS_RGB;
  jpeg_start_decompress(&state);
  constexpr JDIMENSION kMost = kLongestSide;
  if (state.output_width > kMost || state.output_height > kMost) {
    jpeg_abort_decompress(&state);
    damage_ = "it is too large";
    return false;
  }
  pixels_.resize(std::size_t{3} * state.output_width * state.output_height);
  while (state.output_scanline < state.output_height) {
    JSAMPROW row = pixels_.data() + std::size_t{3} * state.output_width * state.output_scanline;
    jpeg_read_scanlines(&state, &row, 1);
  }
  jpeg_finish_decompress(&state);
  if (codec.errors.num_warnings > 0) {
    damage_ = codec.message;
    return false;
  }
  frame = rppg_frame{};
  frame.struct_size = sizeof frame;
  frame.format = RPPG_FORMAT_RGB24;
  frame.width = static_cast<int>(state.output_width);
  frame.height = static_cast<int>(state.output_height);
  frame.data = pixels_.data();
  return true;
}
