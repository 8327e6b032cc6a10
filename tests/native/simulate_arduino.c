/* An Arduino Uno with a finger on its sensor, simulated by simavr in real time.
 *
 * Usage: simulate_arduino SKETCH.elf PORT BPM EPOCH PPM LOSE_EVERY [max30102]
 *
 * PORT becomes a link to a pseudo-terminal, the board's serial port. The finger's blood volume is
 * sin(p) + 0.3 sin(2 p) with p = 2 pi BPM / 60 (t - EPOCH), t by CLOCK_MONOTONIC in seconds.
 * PulseSensor's voltage on A0 rises with it; with "max30102" that sensor answers on the I2C bus,
 * and its light falls with it. The board's clock is PPM parts per million fast. Of LOSE_EVERY
 * characters one is lost (0: none).
 *
 * SIGUSR1 pulls the plug, SIGUSR2 plugs the board in again, which then starts anew.
 */
#define _GNU_SOURCE
#include <avr_adc.h>
#include <avr_ioport.h>
#include <avr_twi.h>
#include <avr_uart.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sim_avr.h>
#include <sim_elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const double kFrequency = 16e6;
/* A shorter sleep is made up for by the next one: calls of the system take most of the time, s. */
static const double kShortestPause = 3e-4;
static const uint8_t kMax30102 = 0x57 << 1;

static double heart_rate, epoch, clock_rate;
static long lose_every, sent_characters;
static const char* port;
static int terminal = -1;
static double start_time; /* true time at the cycle start_cycle */
static avr_cycle_count_t start_cycle;
static volatile sig_atomic_t pulled, plugged, ended;

static double monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double true_time(const avr_t* avr) {
  return start_time + (double)(avr->cycle - start_cycle) / clock_rate;
}

static double blood_volume(double time) {
  const double phase = 2 * M_PI * heart_rate / 60 * (time - epoch);
  return sin(phase) + 0.3 * sin(2 * phase);
}

/* The voltage at the moment at which the conversion starts. */
static void on_conversion(avr_irq_t* irq, uint32_t value, void* param) {
  avr_t* avr = param;
  (void)irq;
  (void)value;
  avr_irq_t* pin = avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0);
  avr_raise_irq(pin, (uint32_t)lround(2500 + 700 * blood_volume(true_time(avr))));
}

/* The registers of a MAX30102 that the sketch uses. */
static struct {
  int present, selected, place_known;
  uint8_t place, registers[256];
  double started;
  uint32_t taken; /* samples that were read */
  int byte;       /* of the sample that is being read */
} max30102;

static double sample_rate(void) {
  const int code = max30102.registers[0x0A] >> 2 & 7;
  return 50 * (double)(1 << code) / (double)(1 << (max30102.registers[0x08] >> 5));
}

static uint32_t finished(double time) {
  if (max30102.registers[0x09] != 0x03) return 0;
  return (uint32_t)((time - max30102.started) * sample_rate());
}

static uint8_t read_register(double time) {
  uint8_t* registers = max30102.registers;
  uint8_t place = max30102.place;
  if (place == 0xFF) return 0x15;
  if (place == 0x07) {
    const double middle = max30102.started + (max30102.taken + 0.5) / sample_rate();
    const uint32_t light = (uint32_t)lround(120000 - 2000 * blood_volume(middle));
    const uint8_t bytes[6] = {0, 0, 0, light >> 16 & 3, light >> 8 & 255, light & 255};
    const uint8_t value = bytes[max30102.byte];
    max30102.byte = (max30102.byte + 1) % 6;
    if (max30102.byte == 0) ++max30102.taken;
    return value;
  }
  max30102.place = (uint8_t)(place + 1);
  if (place == 0x04) return finished(time) & 31;
  if (place == 0x06) return max30102.taken & 31;
  return registers[place];
}

static void on_bus(avr_irq_t* irq, uint32_t value, void* param) {
  avr_t* avr = param;
  avr_twi_msg_irq_t message = {.u.v = value};
  avr_irq_t* answer = avr_io_getirq(avr, AVR_IOCTL_TWI_GETIRQ(0), TWI_IRQ_INPUT);
  const uint8_t address = message.u.twi.addr;
  (void)irq;
  if (message.u.twi.msg & TWI_COND_STOP) max30102.selected = 0;
  if (message.u.twi.msg & TWI_COND_START) {
    max30102.selected = (address & 0xFE) == kMax30102;
    max30102.place_known = address & 1;
    if (max30102.selected) avr_raise_irq(answer, avr_twi_irq_msg(TWI_COND_ACK, address, 1));
  }
  if (!max30102.selected) return;
  if (message.u.twi.msg & TWI_COND_WRITE) {
    avr_raise_irq(answer, avr_twi_irq_msg(TWI_COND_ACK, address, 1));
    if (!max30102.place_known) {
      max30102.place = message.u.twi.data;
      max30102.place_known = 1;
    } else {
      max30102.registers[max30102.place] = message.u.twi.data;
      if (max30102.place == 0x09 && message.u.twi.data == 0x03) {
        max30102.started = true_time(avr);
        max30102.taken = 0;
        max30102.byte = 0;
      }
      ++max30102.place;
    }
  }
  if (message.u.twi.msg & TWI_COND_READ)
    avr_raise_irq(answer, avr_twi_irq_msg(TWI_COND_READ, address, read_register(true_time(avr))));
}

/* Characters on their way to the host; they leave when the processor sleeps. */
static char outgoing[256];
static size_t outgoing_count;

static void send_outgoing(void) {
  if (outgoing_count == 0) return;
  if (terminal >= 0 && write(terminal, outgoing, outgoing_count) < 0 && errno != EAGAIN)
    perror("write");
  outgoing_count = 0;
}

static void on_character(avr_irq_t* irq, uint32_t value, void* param) {
  (void)irq;
  (void)param;
  ++sent_characters;
  if (lose_every > 0 && sent_characters % lose_every == 0) return;
  if (outgoing_count == sizeof outgoing) send_outgoing();
  outgoing[outgoing_count++] = (char)value;
}

static void plug_in(avr_t* avr) {
  struct termios settings;
  int other;
  terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
    perror("pseudo-terminal");
    exit(1);
  }
  /* Raw, before the first character; it stays so while the other end is closed. */
  other = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  tcgetattr(other, &settings);
  cfmakeraw(&settings);
  tcsetattr(other, TCSANOW, &settings);
  close(other);
  avr_reset(avr);
  start_cycle = avr->cycle;
  start_time = monotonic();
  unlink(port);
  if (symlink(ptsname(terminal), port) != 0) {
    perror(port);
    exit(1);
  }
}

static void pull_out(void) {
  unlink(port);
  close(terminal);
  terminal = -1;
}

/* Takes what the host has sent. */
static void listen_to_host(avr_t* avr) {
  uint8_t bytes[16];
  const ssize_t count = terminal < 0 ? 0 : read(terminal, bytes, sizeof bytes);
  avr_irq_t* input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
  for (ssize_t i = 0; i < count; ++i) avr_raise_irq(input, bytes[i]);
}

/* The processor sleeps until its next timer: wait until that is true of the time, too. */
static void on_sleep(avr_t* avr, avr_cycle_count_t cycles) {
  const double wait = true_time(avr) + (double)cycles / clock_rate - monotonic();
  if (wait < kShortestPause) return;
  const struct timespec pause = {(time_t)wait, (long)(1e9 * (wait - floor(wait)))};
  send_outgoing();
  nanosleep(&pause, NULL);
  listen_to_host(avr);
}

static void on_signal(int number) {
  if (number == SIGUSR1) pulled = 1;
  if (number == SIGUSR2) plugged = 1;
  if (number == SIGTERM || number == SIGINT) ended = 1;
}

int main(int count, char** arguments) {
  elf_firmware_t firmware;
  avr_t* avr;
  uint32_t flags = 0;
  if (count < 7) {
    fprintf(stderr, "usage: %s SKETCH.elf PORT BPM EPOCH PPM LOSE_EVERY [max30102]\n",
            arguments[0]);
    return 2;
  }
  port = arguments[2];
  heart_rate = atof(arguments[3]);
  epoch = atof(arguments[4]);
  clock_rate = kFrequency * (1 + 1e-6 * atof(arguments[5]));
  lose_every = atol(arguments[6]);
  max30102.present = count > 7 && strcmp(arguments[7], "max30102") == 0;

  memset(&firmware, 0, sizeof firmware);
  if (elf_read_firmware(arguments[1], &firmware) != 0) return 1;
  avr = avr_make_mcu_by_name("atmega328p");
  avr_init(avr);
  avr->log = LOG_ERROR;
  avr_load_firmware(avr, &firmware);
  avr->frequency = (uint32_t)kFrequency;
  avr->vcc = avr->avcc = avr->aref = 5000;
  avr->sleep = on_sleep;
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT),
                          on_character, avr);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_OUT_TRIGGER),
                          on_conversion, avr);
  if (max30102.present)
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_TWI_GETIRQ(0), TWI_IRQ_OUTPUT), on_bus,
                            avr);
  signal(SIGUSR1, on_signal);
  signal(SIGUSR2, on_signal);
  signal(SIGTERM, on_signal);
  signal(SIGINT, on_signal);

  plug_in(avr);
  while (!ended) {
    const int state = avr_run(avr);
    if (state == cpu_Done || state == cpu_Crashed) {
      fprintf(stderr, "the simulated processor has stopped\n");
      return 1;
    }
    if (pulled && terminal >= 0) {
      pull_out();
      pulled = 0;
    }
    if (plugged && terminal < 0) {
      plug_in(avr);
      plugged = 0;
    }
  }
  if (terminal >= 0) pull_out();
  return 0;
}
