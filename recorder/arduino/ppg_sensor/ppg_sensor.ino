// Sends the pulse of a finger over the serial port, with times of the board's own clock.
// recorder/README.md describes wiring and protocol. It uses the Arduino interface alone, so it runs
// on every board that has one.
#include "max30102.h"
#include "protocol.h"
#include "settings.h"

#ifdef __AVR__
#include <avr/sleep.h>
#endif

using protocol::Line;

static const uint32_t kHelloPeriod = 1000000;  // us
static const uint32_t kPollPeriod = 2000;      // us between looks into the MAX30102

// One sensor's samples: its name in the lines, the number of the next sample.
struct Channel {
  const char* name;
  uint16_t number;
};
static Channel analog_pin = {"A", 0};
static Channel infrared = {"I", 0};

static Max30102 max30102;
static protocol::Reader reader;
static bool use_analog, use_max30102;
static uint16_t rate;
static uint32_t period;  // us between samples
static uint32_t next_sample, last_poll, last_hello;
static int free_when_idle;  // characters that fit into the send buffer while nothing is sent
static bool asked;          // the host waits for an answer
static uint32_t asked_number, asked_at;

static void set_rate(uint32_t wanted) {
  rate = wanted >= 100 ? 100 : wanted >= 50 ? 50 : 25;
  period = 1000000UL / rate;
  next_sample = micros();
  if (use_max30102) max30102.start(rate, settings::kLedCurrent);
}

// A sample that does not fit into the send buffer is lost; its number is missing at the host.
static void send_sample(Channel& channel, uint32_t time, uint32_t value) {
  Line line('S');
  line.letters(channel.name).number(channel.number++).number(time).number(value);
  line.send(free_when_idle);
}

static void read_requests() {
  while (Serial.available() > 0) {
    protocol::Request request;
    if (!reader.push(static_cast<char>(Serial.read()), request)) continue;
    if (request.kind == 'T') {
      asked_at = micros();
      asked_number = request.value;
      asked = true;
    } else if (request.kind == 'R') {
      set_rate(request.value);
    }
  }
}

// The answer waits until the send buffer is empty, so that its time is that of its first character.
static void answer() {
  if (!asked || Serial.availableForWrite() < free_when_idle) return;
  const uint32_t now = micros();
  Line line('T');
  line.number(asked_number).number(asked_at).number(now);
  line.send(free_when_idle);
  asked = false;
}

static void sample_analog(uint32_t now) {
  if (static_cast<int32_t>(now - next_sample) < 0) return;
  next_sample += period;
  if (static_cast<int32_t>(now - next_sample) >= 0)
    next_sample = now + period;  // samples were missed
  const uint32_t time = micros();
  send_sample(analog_pin, time, static_cast<uint32_t>(analogRead(settings::kAnalogPin)));
}

static void sample_max30102(uint32_t now) {
  if (now - last_poll < kPollPeriod) return;
  last_poll = now;
  uint32_t value;
  for (uint8_t left = max30102.waiting(); left > 0 && max30102.next(value); --left) {
    // The newest sample has just been finished. Each is the mean over the period before its end.
    send_sample(infrared, now - period / 2 - (left - 1) * period, value);
  }
}

static void say_hello(uint32_t now) {
  if (now - last_hello < kHelloPeriod) return;
  Line line('H');
  line.number(protocol::kVersion).number(rate);
  line.letters(!use_max30102 ? "A" : use_analog ? "AI" : "I");
  if (line.send(free_when_idle)) last_hello = now;
}

void setup() {
  Serial.begin(settings::kBaud);
  free_when_idle = Serial.availableForWrite();
  use_max30102 = settings::kMax30102 && max30102.begin();
  use_analog = settings::kAnalog && (settings::kBoth || !use_max30102);
  set_rate(settings::kRate);
}

void loop() {
  read_requests();
  answer();
  const uint32_t now = micros();
  if (use_analog) sample_analog(now);
  if (use_max30102) sample_max30102(now);
  say_hello(now);
#ifdef __AVR__
  // Until the next interrupt: at most 1 ms later by the timer, earlier by a character.
  set_sleep_mode(SLEEP_MODE_IDLE);
  sleep_mode();
#endif
}
