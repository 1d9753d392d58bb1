/* A kernel's side of /dev/i2c-N, /dev/spidevB.C, /dev/watchdogN and /dev/rtcN, preloaded into a program: the
 * structures and numbers are those of the kernel's own headers, so that a wrong layout or number fails.
 *
 * I2C: one chip at 0x50 with 256 bytes and a pointer that goes on by itself, 0x51 held by a driver (EBUSY),
 * 0x60 hangs (ETIMEDOUT), 0x61 loses the arbitration (EAGAIN); nothing at other addresses. KERNEL_FUNCS is what
 * the adapter says it can do. SPI is a loop that turns each byte over. KERNEL_LOG is told of each call. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <linux/rtc.h>
#include <linux/spi/spidev.h>
#include <linux/watchdog.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static unsigned char memory[256];
static unsigned char pointer;
static unsigned long slave;
static struct rtc_time rtc = {.tm_year = 126, .tm_mon = 10, .tm_mday = 25, .tm_hour = 8, .tm_min = 49, .tm_sec = 33};

static void note(const char *what, unsigned long value)
{
    const char *path = getenv("KERNEL_LOG");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%s %lu\n", what, value);
        fclose(file);
    }
}

static int refuse(int number)
{
    errno = number;
    return -1;
}

static int addressed(unsigned address)
{
    switch (address) {
    case 0x50: return 0;
    case 0x60: return refuse(ETIMEDOUT);
    case 0x61: return refuse(EAGAIN);
    default: return refuse(ENXIO);
    }
}

static int transfer(struct i2c_rdwr_ioctl_data *all)
{
    if (all->nmsgs == 0 || all->nmsgs > I2C_RDWR_IOCTL_MAX_MSGS)
        return refuse(EINVAL);
    note("rdwr", all->nmsgs);
    for (unsigned part = 0; part < all->nmsgs; part++) {
        struct i2c_msg *message = &all->msgs[part];
        if (addressed(message->addr))
            return -1;
        for (unsigned place = 0; place < message->len; place++) {
            if (message->flags & I2C_M_RD)
                message->buf[place] = memory[pointer++];
            else if (place == 0)
                pointer = message->buf[0];
            else
                memory[pointer++] = message->buf[place];
        }
    }
    return (int)all->nmsgs;
}

static int smbus(struct i2c_smbus_ioctl_data *call)
{
    if (slave == 0x51)
        return refuse(EBUSY);
    if (addressed((unsigned)slave))
        return -1;
    note("smbus", call->size);
    int reading = call->read_write == I2C_SMBUS_READ;
    union i2c_smbus_data *data = call->data;
    unsigned char at = call->command;
    switch (call->size) {
    case I2C_SMBUS_QUICK: return 0;
    case I2C_SMBUS_BYTE:
        if (reading)
            data->byte = memory[pointer++];
        else
            pointer = at;
        return 0;
    case I2C_SMBUS_BYTE_DATA:
        if (reading)
            data->byte = memory[at];
        else
            memory[at] = data->byte;
        return 0;
    case I2C_SMBUS_WORD_DATA:
        if (reading)
            data->word = (unsigned short)(memory[at] | memory[(at + 1) & 0xFF] << 8);
        else {
            memory[at] = data->word & 0xFF;
            memory[(at + 1) & 0xFF] = data->word >> 8;
        }
        return 0;
    case I2C_SMBUS_I2C_BLOCK_DATA:
        if (data->block[0] < 1 || data->block[0] > I2C_SMBUS_BLOCK_MAX)
            return refuse(EINVAL);
        for (int place = 0; place < data->block[0]; place++) {
            if (reading)
                data->block[place + 1] = memory[(at + place) & 0xFF];
            else
                memory[(at + place) & 0xFF] = data->block[place + 1];
        }
        return 0;
    }
    return refuse(EOPNOTSUPP);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    request &= 0xFFFFFFFF;
    switch (request) {
    case I2C_FUNCS: *(unsigned long *)argument = strtoul(getenv("KERNEL_FUNCS"), NULL, 0); return 0;
    case I2C_TIMEOUT: note("timeout", (unsigned long)argument); return 0;
    case I2C_SLAVE: slave = (unsigned long)argument; return slave == 0x51 ? refuse(EBUSY) : 0;
    case I2C_RDWR: return transfer(argument);
    case I2C_SMBUS: return smbus(argument);
    case SPI_IOC_WR_MODE:
        note("mode", *(unsigned char *)argument);
        return *(unsigned char *)argument & SPI_NO_CS && getenv("KERNEL_CS") ? refuse(EINVAL) : 0;
    case SPI_IOC_WR_LSB_FIRST: note("lsb", *(unsigned char *)argument); return 0;
    case SPI_IOC_WR_BITS_PER_WORD: note("bits", *(unsigned char *)argument); return 0;
    case SPI_IOC_WR_MAX_SPEED_HZ: note("speed", *(unsigned *)argument); return 0;
    case SPI_IOC_MESSAGE(1): {
        struct spi_ioc_transfer *one = argument;
        if (one->len > 4096)
            return refuse(EMSGSIZE);
        for (unsigned place = 0; place < one->len; place++)
            ((unsigned char *)(unsigned long)one->rx_buf)[place] = ~((unsigned char *)(unsigned long)one->tx_buf)[place];
        return (int)one->len;
    }
    case WDIOC_SETTIMEOUT: note("watchdog", (unsigned long)*(int *)argument); return 0;
    case RTC_RD_TIME: memcpy(argument, &rtc, sizeof rtc); return 0;
    case RTC_SET_TIME: memcpy(&rtc, argument, sizeof rtc); return 0;
    }
    int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return next(fd, request, argument);
}
