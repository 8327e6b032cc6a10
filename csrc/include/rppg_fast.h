/* rppg_fast: heart rate from a face video. Not a medical device.
 *
 *   model      the network's weights; the bundled ones, or others from a file or from memory
 *   stream     one face over time: frames with their times in, readings out
 *   recording  which readings of a stream count, and what they say together
 *   student    the network alone, for applications that see to the frames and the pulse themselves
 *   face_model, face_detector   finds faces; the weights, which the library does not carry
 *   monitor    a stream that finds its face itself and follows it
 *
 * Errors. Functions that can fail return RPPG_OK or another rppg_code; what exactly was wrong
 * stands in the handle's message, one line of UTF-8 that names the argument, valid until the
 * handle's next call. A *_create function that fails still gives a handle, for its message,
 * wherever there is memory for one; it is good for nothing else and must be freed, too. After a
 * failed call nothing has changed. NULL in place of a handle or of a pointer that must be given is
 * RPPG_ERROR_ARGUMENT.
 *
 * Ownership. Every handle belongs to the caller, who frees it; freeing NULL does nothing. Nothing
 * that is passed in is kept: the memory of arguments may go as soon as the call returns. A stream,
 * a student, a detector or a monitor keeps its weights alive: the model may be freed before them.
 *
 * Threads. There is no global state. A model never changes once it is made, and any number of
 * threads may use one at once; so with a face model. All other handles belong to one thread at a
 * time; separate ones are independent, and a stream gives the same bits in any thread. A handle's
 * message belongs to it. The environment variable RPPG_BACKEND is read once, when the backend
 * "auto" is first asked for.
 *
 * Growth. Structs that may grow begin with their own size, which the caller sets, in structs that
 * the library fills in, too: fields that the caller does not know are not touched, and of fields
 * that the library does not know, those it fills in become 0, those it reads must be 0. Any change
 * of this interface raises RPPG_ABI_MINOR, one that breaks programs RPPG_ABI_MAJOR, the number in
 * the shared library's name.
 */
#ifndef RPPG_FAST_H
#define RPPG_FAST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RPPG_ABI_MAJOR 0
#define RPPG_ABI_MINOR 5

#define RPPG_API __attribute__((visibility("default")))

/* The side of the square that the network sees, and the values of one such picture. */
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
  RPPG_ERROR_ARGUMENT = 1, /* an argument that makes no sense, such as a box outside the frame */
  RPPG_ERROR_TIME = 2,     /* a frame's time is not finite or does not follow the last one's */
  RPPG_ERROR_FILE = 3,     /* a file cannot be read */
  RPPG_ERROR_WEIGHTS = 4,  /* a file or memory holds no weights of the network */
  RPPG_ERROR_MEMORY = 5,   /* out of memory */
  RPPG_ERROR_INTERNAL = 6  /* none of the above: a mistake of the library */
} rppg_code;

/* Whether there is a heart rate, and if not, why. */
typedef enum rppg_status {
  RPPG_STATUS_WARMING_UP = 0, /* the window holds too little yet */
  RPPG_STATUS_OK = 1,         /* there is a face and a pulse */
  RPPG_STATUS_NO_FACE = 2,    /* no frame has been seen, or of a monitor: no face is there */
  RPPG_STATUS_LOW_SIGNAL = 3, /* the window can be read, but no peak in it can be trusted */
  RPPG_STATUS_GAP = 4         /* too many frames are missing from the window, or they come too
                                 slowly for the band */
} rppg_status;

/* Of rows without a gap, in this order: luma first, then U, then V. Where the sides are odd, the
 * last sample of chroma belongs to fewer pixels. */
typedef enum rppg_format {
  RPPG_FORMAT_BGR24 = 0, /* blue, green, red; a byte each */
  RPPG_FORMAT_RGB24 = 1, /* red, green, blue; a byte each */
  RPPG_FORMAT_NV12 = 2,  /* a plane of luma, then one of chroma, U and V for every 2x2 pixels */
  RPPG_FORMAT_YUYV = 3,  /* Y, U, Y, V for every two pixels of a row; the width is even */
  RPPG_FORMAT_I420 = 4,  /* planes of Y, U and V, the last two of a sample for every 2x2 pixels */
  RPPG_FORMAT_BGRA = 5,  /* blue, green, red and a byte that does not count: BGRx, too */
  RPPG_FORMAT_RGBA = 6,  /* red, green, blue and a byte that does not count: RGBx, too */
  RPPG_FORMAT_UYVY = 7,  /* U, Y, V, Y for every two pixels of a row; the width is even */
  RPPG_FORMAT_GREY = 8,  /* Y alone; from 0 to 255 unless another range is said */
  RPPG_FORMAT_NV21 = 9,  /* as NV12, but V and U */
  RPPG_FORMAT_P010 = 10, /* as NV12 in 16-bit words, little-endian, of which the upper 10 count */
  RPPG_FORMAT_I422 = 11, /* planes; chroma of a sample for every two pixels of a row */
  RPPG_FORMAT_I444 = 12, /* planes; chroma of a sample for every pixel */
  RPPG_FORMAT_I010 = 13, /* as I420 in 16-bit words, little-endian, of which the lower 10 count: */
  RPPG_FORMAT_I210 = 14, /* yuv420p10le; likewise yuv422p10le */
  RPPG_FORMAT_I410 = 15  /* and yuv444p10le */
} rppg_format;

/* What luma spans. */
typedef enum rppg_range {
  RPPG_RANGE_DEFAULT = 0, /* full of GREY, else limited, as cameras and video files have it */
  RPPG_RANGE_LIMITED = 1, /* 16 to 235 of 255, chroma 16 to 240 */
  RPPG_RANGE_FULL = 2     /* 0 to 255, as in JPEG */
} rppg_range;

/* How luma is made of red, green and blue. */
typedef enum rppg_matrix {
  RPPG_MATRIX_BT601 = 0,
  RPPG_MATRIX_BT709 = 1,
  RPPG_MATRIX_BT2020 = 2
} rppg_matrix;

/* How a pulse is filtered and read. */
typedef struct rppg_stream_options {
  size_t struct_size;
  double rate_hz; /* of the uniform grid that the pulse is filtered on */
  double low_hz;  /* the band that a heart rate may lie in */
  double high_hz;
  double window_s;       /* the stretch of pulse that a heart rate is read from, when it is full */
  double min_confidence; /* a peak below this confidence, 0 to 1, is no heart rate */
  double max_gap_s;      /* a longer pause between two frames starts the window anew; a shorter
                            one, over half a second, is a hole in it */
  int32_t order;         /* of the Butterworth prototype; the band-pass has twice as many poles */
  int32_t peaks;         /* of the spectrum that are tried, the highest first, until one reaches
                            min_confidence; 1 to 8. With 1 the highest is the heart's or none */
  const char* backend;   /* one of rppg_backends(); NULL or "auto" for the fastest, or for the one
                            that the environment variable RPPG_BACKEND names */
  double min_window_s;   /* seconds of pulse that must have been seen before there is a reading; 0
                            for the default */
  const char* method;    /* "student", "fusion", "pos", "chrom", "green" or "ica"; NULL for the
                            default */
} rppg_stream_options;

/* Pixels of the caller's. Fields that are 0 mean what stands after the semicolon. */
typedef struct rppg_frame {
  size_t struct_size;
  int32_t format;          /* an rppg_format */
  int32_t width, height;   /* pixels, 1 to 65536 */
  const uint8_t* data;     /* the first row */
  ptrdiff_t stride;        /* bytes from one row to the next, may be negative; rows without a gap */
  const uint8_t* chroma;   /* the first row of chroma, of U where U and V are planes of their own;
                              NULL: follows the luma */
  ptrdiff_t chroma_stride; /* bytes between rows of chroma; that of the luma, or of planes of U and
                              V the part of it that a row of them takes */
  const uint8_t* chroma_v; /* where U and V are planes: the first row of V; NULL: follows U */
  int32_t range;           /* an rppg_range, of luma and chroma */
  int32_t matrix;          /* an rppg_matrix, likewise */
} rppg_frame;

/* A rectangle of pixels; x1 and y1 are one past the last. It never grows. */
typedef struct rppg_box {
  int32_t x0, y0, x1, y1;
} rppg_box;

/* What is known at one frame, from the window of pulse that ends there. */
typedef struct rppg_reading {
  size_t struct_size;
  int32_t status;        /* an rppg_status */
  double heart_rate_bpm; /* NaN unless the status is RPPG_STATUS_OK */
  double snr_db;     /* power at the spectral peak and its first harmonic against the rest of the
                        band; NaN while there is no peak to speak of */
  double confidence; /* how likely that peak is the heart's, 0 to 1, by what was seen of light and
                        movement at its frequency; NaN while there is none */
  double time_s;     /* the frame's */
  double start_s, end_s; /* the window, on the clock of the frames' times */
  double coverage;       /* share of a full window that was seen, 0 to 1 */
  double candidate_bpm;  /* the rate of that peak, trusted or not: no heart rate unless the status
                            is RPPG_STATUS_OK; NaN while there is none */
  const char* source;    /* the method whose peak it is; NULL while there is none. The library's */
} rppg_reading;

/* What a whole recording showed. */
typedef struct rppg_summary {
  size_t struct_size;
  int32_t status;        /* RPPG_STATUS_OK where the windows together can be trusted; else what kept
                            them back */
  double heart_rate_bpm; /* mean over the windows that agree; NaN unless the status is ok */
  double snr_db;         /* median over the same windows; NaN without any */
  double confidence;     /* that their common rate is the heart's, 0 to 1; NaN without any */
  int64_t frames;        /* since the start */
  double duration_s;     /* from the first frame to the last without the gaps */
  double fps;            /* mean frame rate over that time; 0 without any */
  double coverage;       /* share of the windows that agree, 0 to 1 */
  double spread_bpm;     /* standard deviation of the rate over them; NaN unless the status is ok */
} rppg_summary;

/* How faces are found. */
typedef struct rppg_face_options {
  size_t struct_size;
  double min_face_px;  /* side of the smallest face looked for, at least 12; 0: a twelfth of the
                          frame's shorter side, at least 20 */
  double box_scale;    /* how much larger than a face the box is that is measured */
  const char* backend; /* as in rppg_stream_options; of a monitor, the stream's counts */
} rppg_face_options;

/* One face, in pixels of the frame; its edges may lie outside. It never grows. */
typedef struct rppg_face {
  double x0, y0, x1, y1;
  double probability; /* the detector's own, 0 to 1 */
  double points_x[5]; /* the eye on the left of the picture, the one on the right, the nose, the */
  double points_y[5]; /* left and the right corner of the mouth */
} rppg_face;

/* The release, such as "0.1.0", and the interface's RPPG_ABI_MAJOR * 1000 + RPPG_ABI_MINOR, of the
 * library that runs. The strings of this section are the library's and never change. */
RPPG_API const char* rppg_version(void);
RPPG_API int rppg_abi_version(void);

/* Names of the kernels that this processor runs, the fastest first, ended by NULL. */
RPPG_API const char* const* rppg_backends(void);

/* "warming_up", "ok", "no_face", "low_signal" or "gap"; "unknown" for any other number. */
RPPG_API const char* rppg_status_name(int status);

/* --- Formats ---------------------------------------------------------------------------------- */

/* The name of a format in small letters, such as "nv12"; NULL where there is no such format. */
RPPG_API const char* rppg_format_name(int format);

/* Bytes of a frame whose rows have no gap; 0 where there is no such format or size. */
RPPG_API size_t rppg_format_bytes(int format, int32_t width, int32_t height);

/* Whether a frame looks like what was said: 1 where another format or width is far more likely,
 * which `likely_format` and `likely_width` become; else 0, also where the frame shows too little to
 * tell, or there is no such format or size. `data` has rows without a gap. Nothing is told of the
 * order of red and blue, or of U and V. One frame may mislead: ask of several. */
RPPG_API int rppg_format_guess(int format, int32_t width, int32_t height, const uint8_t* data,
                               int* likely_format, int32_t* likely_width);

/* --- Model ------------------------------------------------------------------------------------ */

/* The weights that come with the library. */
RPPG_API int rppg_model_create_default(rppg_model** model);

/* Weights from a safetensors file as the project's training exports it. RPPG_ERROR_FILE,
 * RPPG_ERROR_WEIGHTS. */
RPPG_API int rppg_model_create_from_file(const char* path, rppg_model** model);

/* The same from `size` bytes of memory. `name` is what messages call them; may be NULL.
 * RPPG_ERROR_WEIGHTS. */
RPPG_API int rppg_model_create_from_memory(const void* data, size_t size, const char* name,
                                           rppg_model** model);

/* What the weights say of themselves, such as "training_data"; NULL for a key that they lack. The
 * text lives as long as the model. */
RPPG_API const char* rppg_model_metadata(const rppg_model* model, const char* key);

RPPG_API const char* rppg_model_message(const rppg_model* model);
RPPG_API void rppg_model_free(rppg_model* model);

/* --- Stream ----------------------------------------------------------------------------------- */

/* Sets options to the defaults: a window of 10 s that is read from 5 s on, the band 0.7 to 4 Hz,
 * three peaks, a confidence of 0.75. `struct_size` is sizeof(rppg_stream_options). */
RPPG_API void rppg_stream_options_init(rppg_stream_options* options, size_t struct_size);

/* A stream that has seen nothing. NULL for the options means the defaults. RPPG_ERROR_ARGUMENT
 * names the option that makes no sense. */
RPPG_API int rppg_stream_create(const rppg_model* model, const rppg_stream_options* options,
                                rppg_stream** stream);

/* Takes the frame that was seen at `time_s`, seconds on any clock that only goes forward, with the
 * face inside `box`, and reads the window that ends there. Frames may come unevenly. Where the box
 * is another than in the frame before, the step between the two counts as one without a pulse;
 * rppg_stream_rebox loses none. Allocates nothing once it has seen the largest box.
 * RPPG_ERROR_ARGUMENT: the frame is as if it had never come. RPPG_ERROR_TIME: likewise, but when
 * the next one goes on from there, the clock was set back, and that one is the first after a gap.
 */
RPPG_API int rppg_stream_push(rppg_stream* stream, const rppg_frame* frame, const rppg_box* box,
                              double time_s, rppg_reading* reading);

/* Moves the box between two frames without a jump in the pulse: `frame` is the one that was pushed
 * last, `box` what the next one will be pushed with. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_stream_rebox(rppg_stream* stream, const rppg_frame* frame, const rppg_box* box);

/* Forgets all frames. */
RPPG_API void rppg_stream_reset(rppg_stream* stream);

/* Copies the newest samples of band-passed pulse in the window, oldest first: at most `capacity`,
 * and no more than there are. `count` is how many were copied, `first_s` the time of the first;
 * samples are 1 / rate_hz apart. In standard deviations of the training label. */
RPPG_API int rppg_stream_pulse(rppg_stream* stream, double* values, size_t capacity, size_t* count,
                               double* first_s);

RPPG_API const char* rppg_stream_message(const rppg_stream* stream);
RPPG_API void rppg_stream_free(rppg_stream* stream);

/* --- Recording -------------------------------------------------------------------------------- */

/* `step_s`: from one window that counts to the next, a positive number of seconds. `max_gap_s`: as
 * in the stream's options; 0 for the default. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_recording_create(double step_s, double max_gap_s, rppg_recording** recording);

/* Takes the next reading of a stream, as rppg_stream_push gave it. `counts`, where not NULL,
 * becomes 1 if its window can be read and ends a step after the last one that counted or is the
 * first since a gap, else 0. */
RPPG_API int rppg_recording_take(rppg_recording* recording, const rppg_reading* reading,
                                 int* counts);

/* The summary of the windows that counted since the start, or since they were forgotten, and of all
 * frames. */
RPPG_API int rppg_recording_summarise(rppg_recording* recording, rppg_summary* summary);

/* The confidence, 0 to 1, from which on a recording is ok: that of the stream, unless the default
 * is meant. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_recording_set_min_confidence(rppg_recording* recording, double min_confidence);

/* Forgets the windows, but not the step: a stream without end would gather them, some 32 bytes
 * each. */
RPPG_API void rppg_recording_forget(rppg_recording* recording);

RPPG_API const char* rppg_recording_message(const rppg_recording* recording);
RPPG_API void rppg_recording_free(rppg_recording* recording);

/* --- Student ---------------------------------------------------------------------------------- */

/* Pictures are RPPG_PIXELS floats each: red, green and blue, each 36 rows of 36 pixels. */

/* `backend` as in rppg_stream_options. */
RPPG_API int rppg_student_create(const rppg_model* model, const char* backend,
                                 rppg_student** student);

/* Averages a box of a frame to 36x36 pixels, exactly and without rounding to 8 bits: values in
 * [0, 1]. */
RPPG_API int rppg_student_appearance(rppg_student* student, const rppg_frame* frame,
                                     const rppg_box* box, float* appearance);

/* The motion from one appearance to the next, as the model wants it. `motion` may be either of the
 * two. */
RPPG_API int rppg_student_motion(rppg_student* student, const float* before, const float* after,
                                 float* motion);

/* The change of the pulse over each of `count` motions, one after the other in memory, in standard
 * deviations of the training label. */
RPPG_API int rppg_student_changes(rppg_student* student, const float* motions, size_t count,
                                  float* changes);

/* The name of the kernels that run it; the text is the library's. */
RPPG_API const char* rppg_student_backend(const rppg_student* student);

RPPG_API const char* rppg_student_message(const rppg_student* student);
RPPG_API void rppg_student_free(rppg_student* student);

/* --- Faces ------------------------------------------------------------------------------------ */

/* MTCNN's weights from a safetensors file: share/rppg_fast/mtcnn.safetensors, which is installed
 * beside the library. RPPG_ERROR_FILE, RPPG_ERROR_WEIGHTS. */
RPPG_API int rppg_face_model_create_from_file(const char* path, rppg_face_model** model);

/* The same from `size` bytes of memory. `name` is what messages call them; may be NULL.
 * RPPG_ERROR_WEIGHTS. */
RPPG_API int rppg_face_model_create_from_memory(const void* data, size_t size, const char* name,
                                                rppg_face_model** model);

RPPG_API const char* rppg_face_model_message(const rppg_face_model* model);
RPPG_API void rppg_face_model_free(rppg_face_model* model);

/* Sets options to the defaults: a box 1.4 times as large as the face. `struct_size` is
 * sizeof(rppg_face_options). */
RPPG_API void rppg_face_options_init(rppg_face_options* options, size_t struct_size);

/* NULL for the options means the defaults. RPPG_ERROR_ARGUMENT names the option that makes no
 * sense. */
RPPG_API int rppg_face_detector_create(const rppg_face_model* model,
                                       const rppg_face_options* options,
                                       rppg_face_detector** detector);

/* Finds the upright faces in a frame, the most probable first. `count` is how many there are, of
 * which the first `capacity` are copied. One of less than 0.9 may well be none. Takes milliseconds;
 * memory of 12 bytes a pixel stays with the detector. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_face_detector_find(rppg_face_detector* detector, const rppg_frame* frame,
                                     rppg_face* faces, size_t capacity, size_t* count);

/* Looks for a face where it was in an earlier frame, at a fraction of the cost. `seen` becomes 1
 * where it, or one that could be it, is nearby, else 0. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_face_detector_look_again(rppg_face_detector* detector, const rppg_frame* frame,
                                           const rppg_face* before, rppg_face* face, int* seen);

/* The pixels to measure of a face: enlarged about its middle and clipped to a frame of that size.
 * RPPG_ERROR_ARGUMENT where nothing is left. */
RPPG_API int rppg_face_detector_box(rppg_face_detector* detector, const rppg_face* face,
                                    int32_t width, int32_t height, rppg_box* box);

RPPG_API const char* rppg_face_detector_message(const rppg_face_detector* detector);
RPPG_API void rppg_face_detector_free(rppg_face_detector* detector);

/* --- Monitor ---------------------------------------------------------------------------------- */

/* A monitor that has seen nothing: a stream and a detector with those options, NULL for the
 * defaults. RPPG_ERROR_ARGUMENT. */
RPPG_API int rppg_monitor_create(const rppg_model* model, const rppg_stream_options* options,
                                 const rppg_face_model* face_model,
                                 const rppg_face_options* face_options, rppg_monitor** monitor);

/* Takes the frame that was seen at `time_s`, finds the largest face or follows it, and reads the
 * window that ends there; the status is RPPG_STATUS_NO_FACE from less than a second after the face
 * has left until it or another one is back, which begins a window. The face may be turned by any
 * quarter turns, as where the camera lies on its side. `box`, where not NULL, becomes what is
 * measured, in the frame as it was given, zeros where that is nothing. While the face hardly moves
 * the box stays; after one that moves it glides. At most one look at the face, four times a second,
 * or one search of the frame, four times a second while there is none, every other one for faces
 * that are turned, is spent on a frame: these take longer than the others. In frames of another
 * size the face is searched anew. RPPG_ERROR_ARGUMENT, RPPG_ERROR_TIME: as in rppg_stream_push. */
RPPG_API int rppg_monitor_push(rppg_monitor* monitor, const rppg_frame* frame, double time_s,
                               rppg_reading* reading, rppg_box* box);

/* How far the face in the box is turned clockwise from upright, degrees: 0, 90, 180 or 270; 0 while
 * there is none. The network sees it upright. */
RPPG_API int rppg_monitor_turned(const rppg_monitor* monitor);

/* Forgets all frames. */
RPPG_API void rppg_monitor_reset(rppg_monitor* monitor);

/* As rppg_stream_pulse. */
RPPG_API int rppg_monitor_pulse(rppg_monitor* monitor, double* values, size_t capacity,
                                size_t* count, double* first_s);

RPPG_API const char* rppg_monitor_message(const rppg_monitor* monitor);
RPPG_API void rppg_monitor_free(rppg_monitor* monitor);

#ifdef __cplusplus
}
#endif

#endif
