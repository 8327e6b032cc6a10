/* rppg_fast: heart rate from a face video. Not a medical device.
 *
 *   model      the network's weights: the bundled ones, or others from a file or from memory
 *   monitor    finds one face or several, follows them and measures them
 *   stream     measures one face in a box that you give: frames with their times in, readings out
 *   recording  decides which readings of a stream count, and sums them up
 *   student    the network alone, for applications with their own handling of frames and pulse
 *   face_model, face_detector   find faces; the library does not contain these weights
 *
 * Example. A monitor that prints the heart rate of the largest face; checks of errors are left out:
 *
 *   rppg_model* model;
 *   rppg_face_model* face_model;
 *   rppg_monitor* monitor;
 *   rppg_model_create_default(&model);
 *   rppg_face_model_create_from_file("mtcnn.safetensors", &face_model);
 *   rppg_monitor_create(model, NULL, face_model, NULL, &monitor);  // NULL: default options
 *
 *   rppg_frame frame = {.struct_size = sizeof frame, .format = RPPG_FORMAT_BGR24, .data = pixels};
 *   frame.width = 640;
 *   frame.height = 480;
 *   rppg_reading reading = {.struct_size = sizeof reading};
 *   while (read_frame(pixels, &time_s)) {
 *     rppg_monitor_push(monitor, &frame, time_s, &reading, NULL);
 *     if (reading.status == RPPG_STATUS_OK) printf("%.0f bpm\n", reading.heart_rate_bpm);
 *   }
 *   rppg_monitor_free(monitor);
 *   rppg_face_model_free(face_model);
 *   rppg_model_free(model);
 *
 * Errors. Functions that can fail return RPPG_OK or another rppg_code. The handle's message says
 * what was wrong: one line of UTF-8 that names the argument, valid until the handle's next call. A
 * *_create function that fails still gives a handle for its message, if there is memory for one.
 * This handle can only be asked for its message, and must be freed, too. After a failed call
 * nothing has changed. NULL in place of a handle or of a required pointer is RPPG_ERROR_ARGUMENT.
 *
 * Ownership. Every handle belongs to the caller, who frees it; freeing NULL does nothing. The
 * library keeps no pointer to an argument: its memory may be freed as soon as the call returns. A
 * stream, a student, a detector and a monitor keep their weights alive: the model may be freed
 * before them.
 *
 * Threads. There is no global state. A model and a face model never change after their creation,
 * and any number of threads may use one at once. All other handles belong to one thread at a time;
 * separate ones are independent. A stream gives the same bits in any thread. The environment
 * variable RPPG_BACKEND is read once, when the backend "auto" is first used.
 *
 * Growth. Structs that may grow begin with their own size, which the caller sets, also in structs
 * that the library fills in. The library does not touch fields that the caller does not know.
 * Fields that the library does not know become 0 in structs that it fills in, and must be 0 in
 * structs that it reads. Any change of this interface raises RPPG_ABI_MINOR; a change that breaks
 * programs raises RPPG_ABI_MAJOR, the number in the shared library's name.
 */
#ifndef RPPG_FAST_H
#define RPPG_FAST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RPPG_ABI_MAJOR 0
#define RPPG_ABI_MINOR 8

#if !defined(_WIN32)
#define RPPG_API __attribute__((visibility("default")))
#elif defined(RPPG_BUILD) /* defined only while the library itself is compiled */
#define RPPG_API __declspec(dllexport)
#else
#define RPPG_API
#endif

/* Side of the square picture that the network sees, and the number of its values. */
#define RPPG_SIDE 36
#define RPPG_PIXELS (3 * RPPG_SIDE * RPPG_SIDE)

typedef struct rppg_model rppg_model;
typedef struct rppg_stream rppg_stream;
typedef struct rppg_recording rppg_recording;
typedef struct rppg_student rppg_student;
typedef struct rppg_face_model rppg_face_model;
typedef struct rppg_face_detector rppg_face_detector;
typedef struct rppg_monitor rppg_monitor;

typedef enum rppg_code {
  RPPG_OK = 0,
  RPPG_ERROR_ARGUMENT = 1, /* a wrong argument, such as a box outside the frame */
  RPPG_ERROR_TIME = 2,     /* a frame's time is not finite or does not follow the last one's */
  RPPG_ERROR_FILE = 3,     /* a file cannot be read */
  RPPG_ERROR_WEIGHTS = 4,  /* a file or memory holds no weights of the network */
  RPPG_ERROR_MEMORY = 5,   /* out of memory */
  RPPG_ERROR_INTERNAL = 6  /* none of the above: a mistake of the library */
} rppg_code;

/* Whether there is a heart rate, and if not, why. */
typedef enum rppg_status {
  RPPG_STATUS_WARMING_UP = 0, /* the window does not hold enough yet */
  RPPG_STATUS_OK = 1,         /* there is a face and a pulse */
  RPPG_STATUS_NO_FACE = 2,    /* no frame has been seen, or a monitor has no face */
  RPPG_STATUS_LOW_SIGNAL = 3, /* the window can be read, but no peak in it can be trusted */
  RPPG_STATUS_GAP = 4         /* too many frames are missing from the window, or they come too
                                 slowly for the band */
} rppg_status;

/* Rows follow each other without a gap, and planes in this order: luma, U, V. If a side is odd, the
 * last sample of chroma belongs to fewer pixels. */
typedef enum rppg_format {
  RPPG_FORMAT_BGR24 = 0, /* blue, green, red; a byte each */
  RPPG_FORMAT_RGB24 = 1, /* red, green, blue; a byte each */
  RPPG_FORMAT_NV12 = 2,  /* a plane of luma, then one of chroma, U and V for every 2x2 pixels */
  RPPG_FORMAT_YUYV = 3,  /* Y, U, Y, V for every two pixels of a row; the width is even */
  RPPG_FORMAT_I420 = 4,  /* planes of Y, U and V, the last two of a sample for every 2x2 pixels */
  RPPG_FORMAT_BGRA = 5,  /* blue, green, red and a byte that is ignored: also BGRx */
  RPPG_FORMAT_RGBA = 6,  /* red, green, blue and a byte that is ignored: also RGBx */
  RPPG_FORMAT_UYVY = 7,  /* U, Y, V, Y for every two pixels of a row; the width is even */
  RPPG_FORMAT_GREY = 8,  /* Y alone; from 0 to 255 unless the frame has another range */
  RPPG_FORMAT_NV21 = 9,  /* as NV12, but V and U */
  RPPG_FORMAT_P010 = 10, /* as NV12 in 16-bit words, little-endian; the upper 10 bits count */
  RPPG_FORMAT_I422 = 11, /* planes; chroma of a sample for every two pixels of a row */
  RPPG_FORMAT_I444 = 12, /* planes; chroma of a sample for every pixel */
  RPPG_FORMAT_I010 = 13, /* as I420 in 16-bit words, little-endian; the lower 10 bits count */
  RPPG_FORMAT_I210 = 14, /* the same for I422: yuv422p10le */
  RPPG_FORMAT_I410 = 15  /* the same for I444: yuv444p10le */
} rppg_format;

/* Range of the luma. */
typedef enum rppg_range {
  RPPG_RANGE_DEFAULT = 0, /* full for GREY, else limited, as in cameras and video files */
  RPPG_RANGE_LIMITED = 1, /* 16 to 235 of 255, chroma 16 to 240 */
  RPPG_RANGE_FULL = 2     /* 0 to 255, as in JPEG */
} rppg_range;

/* Coefficients of red, green and blue in the luma. */
typedef enum rppg_matrix {
  RPPG_MATRIX_BT601 = 0,
  RPPG_MATRIX_BT709 = 1,
  RPPG_MATRIX_BT2020 = 2
} rppg_matrix;

/* How a pulse is filtered and read. */
typedef struct rppg_stream_options {
  size_t struct_size;
  double rate_hz; /* sampling rate of the uniform grid on which the pulse is filtered */
  double low_hz;  /* lowest and highest heart rate */
  double high_hz;
  double window_s;       /* length of a full window, from which a heart rate is read */
  double min_confidence; /* confidence, 0 to 1, that a peak needs to be a heart rate */
  double max_gap_s;      /* a longer pause between two frames starts a new window; a shorter
                            one of more than half a second is a hole in the window */
  int32_t order; /* order of the Butterworth prototype; the band-pass has twice as many poles */
  int32_t peaks; /* number of peaks of the spectrum, 1 to 8, that are tried, the highest
                    first, until one reaches min_confidence */
  const char* backend; /* one of rppg_backends(). NULL or "auto": the one that the environment
                          variable RPPG_BACKEND names, or the fastest */
  double min_window_s; /* seconds of pulse that are needed before the first reading; 0 for the
                          default */
  const char* method;  /* "student", "fusion", "pos", "chrom", "green" or "ica"; "teacher" with a
                          model that holds a teacher; NULL for the default */
} rppg_stream_options;

/* Pixels in the caller's memory. The text after a semicolon says what 0 means. */
typedef struct rppg_frame {
  size_t struct_size;
  int32_t format;        /* an rppg_format */
  int32_t width, height; /* pixels, 1 to 65536 */
  const uint8_t* data;   /* the first row */
  ptrdiff_t stride;      /* bytes from one row to the next, may be negative; no gap between rows */
  const uint8_t* chroma; /* the first row of chroma, or of U if U and V are separate planes;
                            NULL: it follows the luma */
  ptrdiff_t chroma_stride; /* bytes from one row of chroma to the next; the stride of the luma,
                              or the part of it that a row of U or V takes */
  const uint8_t* chroma_v; /* the first row of V if U and V are separate planes; NULL: it
                              follows U */
  int32_t range;           /* an rppg_range; RPPG_RANGE_DEFAULT */
  int32_t matrix;          /* an rppg_matrix; RPPG_MATRIX_BT601 */
} rppg_frame;

/* A rectangle of pixels; x1 and y1 are one past the last. This struct never grows. */
typedef struct rppg_box {
  int32_t x0, y0, x1, y1;
} rppg_box;

/* The result for one frame, from the window of pulse that ends with it. */
typedef struct rppg_reading {
  size_t struct_size;
  int32_t status;        /* an rppg_status */
  double heart_rate_bpm; /* NaN unless the status is RPPG_STATUS_OK */
  double snr_db;         /* power at the spectral peak and its first harmonic over that of the rest
                            of the band; NaN if there is no peak */
  double confidence;     /* probability, 0 to 1, that the peak is the heart's and not due to light
                            or movement; NaN if there is no peak */
  double time_s;         /* time of the frame */
  double start_s, end_s; /* the window */
  double coverage;       /* share of a full window that was seen, 0 to 1 */
  double candidate_bpm;  /* rate of the peak, trusted or not. It is not a heart rate unless the
                            status is RPPG_STATUS_OK; NaN if there is no peak */
  const char* source;    /* the method that the peak comes from, a string of the library; NULL if
                            there is no peak */
} rppg_reading;

/* The result of a whole recording. */
typedef struct rppg_summary {
  size_t struct_size;
  int32_t status;        /* RPPG_STATUS_OK if the common rate of the windows can be trusted, else
                            the reason why there is no heart rate */
  double heart_rate_bpm; /* mean over the windows that agree; NaN unless the status is ok */
  double snr_db;         /* median over these windows; NaN if there are none */
  double confidence;     /* probability, 0 to 1, that their common rate is the heart rate; NaN if no
                            window has a peak */
  int64_t frames;        /* number of frames since the start */
  double duration_s;     /* time from the first frame to the last without the gaps */
  double fps;            /* mean frame rate in this time; 0 if there is none */
  double coverage;       /* share of the windows that agree, 0 to 1 */
  double spread_bpm;     /* standard deviation of the rate over them; NaN unless the status is ok */
  double candidate_bpm;  /* mean over the windows that agree, trusted or not. It is not a heart rate
                            unless the status is RPPG_STATUS_OK; NaN if no window has a peak */
} rppg_summary;

/* How faces are found. */
typedef struct rppg_face_options {
  size_t struct_size;
  double min_face_px;   /* side of the smallest face that is found, at least 12; 0: a twelfth of the
                           frame's shorter side, at least 20 */
  double box_scale;     /* side of the measured box over the side of the face */
  const char* backend;  /* as in rppg_stream_options; a monitor uses that of the stream */
  double thresholds[3]; /* smallest probability, 0 to 1, that passes P-Net, R-Net and O-Net; 0: 0.6,
                           0.7 and 0.7 */
  double pyramid_factor; /* ratio of the sizes of adjacent levels of the pyramid; 0: 0.709 */
} rppg_face_options;

/* What happens to the box once a face has been found. */
typedef enum rppg_tracking {
  RPPG_TRACKING_FOLLOW = 0, /* the box moves with the face */
  RPPG_TRACKING_PAPER = 1 /* the first box is measured to the end, as in the paper; for one face */
} rppg_tracking;

/* Which faces a monitor measures. */
typedef struct rppg_monitor_options {
  size_t struct_size;
  int32_t tracking;   /* an rppg_tracking */
  int32_t most_faces; /* 0: one face, by rppg_monitor_push. From 1 on: the largest number of faces
                         that are measured at once, each in a window of its own, by
                         rppg_monitor_push_all */
} rppg_monitor_options;

/* One face, in pixels of the frame; its edges may lie outside. This struct never grows. */
typedef struct rppg_face {
  double x0, y0, x1, y1;
  double probability; /* that the detector gives it, 0 to 1 */
  double points_x[5]; /* the eye on the left of the picture, the one on the right, the nose, the */
  double points_y[5]; /* left and the right corner of the mouth */
} rppg_face;

/* The release, such as "0.1.0", and the interface's RPPG_ABI_MAJOR * 1000 + RPPG_ABI_MINOR, of the
 * library that runs. The strings of this section are the library's and never change. */
RPPG_API const char* rppg_version(void);
RPPG_API int rppg_abi_version(void);

/* Names of the kernels that this processor can run, the fastest first; NULL ends the list. */
RPPG_API const char* const* rppg_backends(void);

/* "warming_up", "ok", "no_face", "low_signal" or "gap"; "unknown" for any other number. */
RPPG_API const char* rppg_status_name(int status);

/* --- Formats ---------------------------------------------------------------------------------- */

/* The name of a format in small letters, such as "nv12"; NULL if there is no such format. */
RPPG_API const char* rppg_format_name(int format);

/* Bytes of a frame whose rows have no gap; 0 if there is no such format or size. */
RPPG_API size_t rppg_format_bytes(int format, int32_t width, int32_t height);

/* Checks whether a frame looks like its format and width. Returns 1 if another format or width is
 * far more likely, and sets `likely_format` and `likely_width` to it; else 0, also if the frame
 * shows too little to tell, or if there is no such format or size. `data` has rows without a gap.
 * The order of red and blue, or of U and V, cannot be checked. Check several frames, because one
 * may mislead. */
RPPG_API int rppg_format_guess(int format, int32_t width, int32_t height, const uint8_t* data,
                               int* likely_format, int32_t* likely_width);

/* --- Model ------------------------------------------------------------------------------------ */

/* The weights that come with the library. */
RPPG_API int rppg_model_create_default(rppg_model** model);

/* Weights of a student or a teacher from a safetensors file that the project's training has
 * exported. A stream or monitor with a teacher needs the method "teacher". RPPG_ERROR_FILE,
 * RPPG_ERROR_WEIGHTS. */
RPPG_API int rppg_model_create_from_file(const char* path, rppg_model** model);

/* The same from `size` bytes of memory. Messages call them `name`, which may be NULL.
 * RPPG_ERROR_WEIGHTS. */
RPPG_API int rppg_model_create_from_memory(const void* data, size_t size, const char* name,
                                           rppg_model** model);

/* An entry of the weights' metadata, such as "training_data"; NULL if there is no such key. The
 * text lives as long as the model. */
RPPG_API const char* rppg_model_metadata(const rppg_model* model, const char* key);

/* "student" or "teacher", the network whose weights the model holds; "" if its creation failed. */
RPPG_API const char* rppg_model_network(const rppg_model* model);

RPPG_API const char* rppg_model_message(const rppg_model* model);
RPPG_API void rppg_model_free(rppg_model* model);

/* --- Stream ----------------------------------------------------------------------------------- */

/* Sets options to the defaults: a window of 10 s that is read from 5 s on, the band 0.7 to 4 Hz,
 * three peaks, a confidence of 0.75. `struct_size` is sizeof(rppg_stream_options). */
RPPG_API void rppg_stream_options_init(rppg_stream_options* options, size_t struct_size);

/* A stream that has seen nothing. NULL for the options means the defaults. RPPG_ERROR_ARGUMENT: the
 * message names the wrong option. */
RPPG_API int rppg_stream_create(const rppg_model* model, const rppg_stream_options* options,
                                rppg_stream** stream);

/* Takes the frame that was seen at `time_s`, seconds on any clock that goes forward, with the face
 * inside `box`, and reads the window that ends there. Frames may come unevenly. If the box differs
 * from that of the frame before, the pulse does not change in this step; rppg_stream_rebox avoids
 * this. Nothing is allocated once the largest box has been seen. RPPG_ERROR_ARGUMENT,
 * RPPG_ERROR_TIME: the frame is ignored. If the time of the next frame continues from a refused
 * time, the clock was set back, and that frame is the first one after a gap. */
RPPG_API int rppg_stream_push(rppg_stream* stream, const rppg_frame* frame, const rppg_box* box,
                              double time_s, rppg_reading* reading);

/* Moves the box between two frames without a jump in the pulse. `frame` is the frame that was
 * pushed last, `box` is that of the next frame. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_stream_rebox(rppg_stream* stream, const rppg_frame* frame, const rppg_box* box);

/* Forgets all frames. */
RPPG_API void rppg_stream_reset(rppg_stream* stream);

/* Copies the newest samples of the band-passed pulse in the window, oldest first, at most
 * `capacity`. `count` becomes the number of samples, `first_s` the time of the first one. Samples
 * are 1 / rate_hz apart. The unit is the standard deviation of the training label. */
RPPG_API int rppg_stream_pulse(rppg_stream* stream, double* values, size_t capacity, size_t* count,
                               double* first_s);

RPPG_API const char* rppg_stream_message(const rppg_stream* stream);
RPPG_API void rppg_stream_free(rppg_stream* stream);

/* --- Recording -------------------------------------------------------------------------------- */

/* `step_s`: time from one window that counts to the next, a positive number of seconds.
 * `max_gap_s`: that of the stream's options; 0 for the default. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_recording_create(double step_s, double max_gap_s, rppg_recording** recording);

/* Takes the next reading of a stream, as rppg_stream_push gave it. `counts`, where not NULL,
 * becomes 1 if its window can be read and ends a step after the last one that counted or is the
 * first since a gap, else 0. */
RPPG_API int rppg_recording_take(rppg_recording* recording, const rppg_reading* reading,
                                 int* counts);

/* The summary of the windows that counted since the start, or since rppg_recording_forget, and of
 * all frames. */
RPPG_API int rppg_recording_summarise(rppg_recording* recording, rppg_summary* summary);

/* Sets the confidence, 0 to 1, that a recording needs to be ok. Give that of the stream if it is
 * not the default. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_recording_set_min_confidence(rppg_recording* recording, double min_confidence);

/* Forgets the windows, but not the step. Call it from time to time for an endless stream: a window
 * takes some 32 bytes. */
RPPG_API void rppg_recording_forget(rppg_recording* recording);

RPPG_API const char* rppg_recording_message(const rppg_recording* recording);
RPPG_API void rppg_recording_free(rppg_recording* recording);

/* --- Student ---------------------------------------------------------------------------------- */

/* Pictures are RPPG_PIXELS floats each: red, green and blue, each 36 rows of 36 pixels. */

/* `backend` as in rppg_stream_options. */
RPPG_API int rppg_student_create(const rppg_model* model, const char* backend,
                                 rppg_student** student);

/* Averages a box of a frame to 36x36 pixels, exactly and without rounding to 8 bits. The values are
 * in [0, 1]. */
RPPG_API int rppg_student_appearance(rppg_student* student, const rppg_frame* frame,
                                     const rppg_box* box, float* appearance);

/* The motion from one appearance to the next in the form that the model needs. `motion` may be the
 * memory of either appearance. */
RPPG_API int rppg_student_motion(rppg_student* student, const float* before, const float* after,
                                 float* motion);

/* The change of the pulse over each of `count` motions, which follow each other in memory, in
 * standard deviations of the training label. */
RPPG_API int rppg_student_changes(rppg_student* student, const float* motions, size_t count,
                                  float* changes);

/* The name of the kernels that run it; the text belongs to the library. */
RPPG_API const char* rppg_student_backend(const rppg_student* student);

RPPG_API const char* rppg_student_message(const rppg_student* student);
RPPG_API void rppg_student_free(rppg_student* student);

/* --- Faces ------------------------------------------------------------------------------------ */

/* MTCNN's weights from a safetensors file; share/rppg_fast/mtcnn.safetensors is installed beside
 * the library. RPPG_ERROR_FILE, RPPG_ERROR_WEIGHTS. */
RPPG_API int rppg_face_model_create_from_file(const char* path, rppg_face_model** model);

/* The same from `size` bytes of memory. Messages call them `name`, which may be NULL.
 * RPPG_ERROR_WEIGHTS. */
RPPG_API int rppg_face_model_create_from_memory(const void* data, size_t size, const char* name,
                                                rppg_face_model** model);

RPPG_API const char* rppg_face_model_message(const rppg_face_model* model);
RPPG_API void rppg_face_model_free(rppg_face_model* model);

/* Sets options to the defaults: a box 1.4 times as large as the face. `struct_size` is
 * sizeof(rppg_face_options). */
RPPG_API void rppg_face_options_init(rppg_face_options* options, size_t struct_size);

/* NULL for the options means the defaults. RPPG_ERROR_ARGUMENT: the message names the wrong option.
 */
RPPG_API int rppg_face_detector_create(const rppg_face_model* model,
                                       const rppg_face_options* options,
                                       rppg_face_detector** detector);

/* Finds the upright faces in a frame, the most probable first. `count` becomes their number; at
 * most `capacity` are copied. A face with a probability below 0.9 may be wrong. A call takes
 * milliseconds. The detector keeps 12 bytes of memory for each pixel. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_face_detector_find(rppg_face_detector* detector, const rppg_frame* frame,
                                     rppg_face* faces, size_t capacity, size_t* count);

/* Looks for a face where it was in an earlier frame, at a fraction of the cost of a search. `seen`
 * becomes 1 if this face, or another that could be taken for it, is nearby, else 0.
 * RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_face_detector_look_again(rppg_face_detector* detector, const rppg_frame* frame,
                                           const rppg_face* before, rppg_face* face, int* seen);

/* The pixels to measure for a face: its box enlarged about its middle and clipped to a frame of
 * this size. RPPG_ERROR_ARGUMENT if no pixel is left. */
RPPG_API int rppg_face_detector_box(rppg_face_detector* detector, const rppg_face* face,
                                    int32_t width, int32_t height, rppg_box* box);

RPPG_API const char* rppg_face_detector_message(const rppg_face_detector* detector);
RPPG_API void rppg_face_detector_free(rppg_face_detector* detector);

/* --- Monitor ---------------------------------------------------------------------------------- */

/* A monitor that measures one face and has seen nothing. NULL for options means the defaults.
 * RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_monitor_create(const rppg_model* model, const rppg_stream_options* options,
                                 const rppg_face_model* face_model,
                                 const rppg_face_options* face_options, rppg_monitor** monitor);

/* Sets options to the defaults: one face, which is followed. `struct_size` is
 * sizeof(rppg_monitor_options). */
RPPG_API void rppg_monitor_options_init(rppg_monitor_options* options, size_t struct_size);

/* A monitor of one face or of several. NULL for options means the defaults; with
 * RPPG_TRACKING_PAPER NULL for the face options means a box scale of 1.6 in place of 1.4.
 * RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_monitor_create_with_options(const rppg_model* model,
                                              const rppg_stream_options* options,
                                              const rppg_face_model* face_model,
                                              const rppg_face_options* face_options,
                                              const rppg_monitor_options* monitor_options,
                                              rppg_monitor** monitor);

/* Takes the frame that was seen at `time_s`, finds the largest face or follows it, and reads the
 * window that ends there. The status is RPPG_STATUS_NO_FACE from less than a second after the face
 * has left until it or another face is there. `box`, if not NULL, becomes the pixels that are
 * measured, in the frame as it was given, or zeros if there is no face. The face may be turned by
 * quarter turns, for example if the camera lies on its side. The box stays where it is while the
 * face hardly moves, and moves after it when it does. The window of a face that is back within the
 * longest gap goes on; another face starts a new window. At most one redetection of a face or one
 * search of the frame is spent on a frame; such a frame takes longer. A face is redetected four
 * times a second. While there is no face, there are four searches a second, every second one for
 * faces that are turned. In frames of another size the face is searched for again; with
 * RPPG_TRACKING_PAPER they are RPPG_ERROR_ARGUMENT. RPPG_ERROR_ARGUMENT, RPPG_ERROR_TIME: as in
 * rppg_stream_push. */
RPPG_API int rppg_monitor_push(rppg_monitor* monitor, const rppg_frame* frame, double time_s,
                               rppg_reading* reading, rppg_box* box);

/* Takes a frame as rppg_monitor_push does, and measures all faces, the largest first if there are
 * more than `most_faces`. `count` becomes the number of faces that are there. A face that comes
 * back within five seconds near the place where it was lost has its old number.
 * RPPG_ERROR_ARGUMENT, RPPG_ERROR_TIME. */
RPPG_API int rppg_monitor_push_all(rppg_monitor* monitor, const rppg_frame* frame, double time_s,
                                   size_t* count);

/* One of the faces that are there after the newest frame; `index` is less than their number, and
 * the faces are ordered by `number`. `number` becomes the number of the face, 1 for the first one
 * that was found; no other face ever gets it. `reading`, `box` and `turned` become what
 * rppg_monitor_push and rppg_monitor_turned give for one face. Each of the four may be NULL.
 * RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_monitor_face(rppg_monitor* monitor, size_t index, int64_t* number,
                               rppg_reading* reading, rppg_box* box, int32_t* turned);

/* As rppg_stream_pulse, for the face with this number. RPPG_ERROR_ARGUMENT if it is not there. */
RPPG_API int rppg_monitor_face_pulse(rppg_monitor* monitor, int64_t number, double* values,
                                     size_t capacity, size_t* count, double* first_s);

/* How far the face in the box is turned clockwise from upright, degrees: 0, 90, 180 or 270; 0 if
 * there is no face. The network sees the face upright. */
RPPG_API int rppg_monitor_turned(const rppg_monitor* monitor);

/* Forgets all frames. */
RPPG_API void rppg_monitor_reset(rppg_monitor* monitor);

/* As rppg_stream_pulse, for a monitor of one face. */
RPPG_API int rppg_monitor_pulse(rppg_monitor* monitor, double* values, size_t capacity,
                                size_t* count, double* first_s);

RPPG_API const char* rppg_monitor_message(const rppg_monitor* monitor);
RPPG_API void rppg_monitor_free(rppg_monitor* monitor);

#ifdef __cplusplus
}
#endif

#endif
