package org.telltale.live

import com.sun.jna.Library
import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.NativeLong
import java.io.File
import java.util.concurrent.TimeUnit
import org.junit.Assume.assumeTrue

/** Calls of Linux that Java has no words for. */
private interface Libc : Library {
    fun open(path: String, flags: Int): Int
    fun ioctl(fd: Int, request: NativeLong, argument: Memory): Int
    fun close(fd: Int): Int
    fun setns(fd: Int, kind: Int): Int
}

/** A TUN of Linux's own: what `VpnService.Builder.establish()` gives on a phone. */
internal object LinuxTun {
    private const val O_RDWR_CLOEXEC = 0x80002
    private const val O_RDONLY_CLOEXEC = 0x80000
    private const val CLONE_NEWNET = 0x40000000
    private const val TUNSETIFF = 0x400454caL
    private const val IFF_TUN_NO_PI: Short = 0x1001
    private val libc: Libc by lazy { Native.load("c", Libc::class.java) }

    /**
     * Skips the test unless it runs in a network namespace of its own, as `cargo xtask test` makes one where the machine
     * allows: a TUN in the machine's own would change its network.
     */
    fun assumeNamespace() = assumeTrue(
        "skipped: needs a network namespace of its own (run `cargo xtask test` as root)",
        System.getenv("TELLTALE_NAMESPACE") == "1",
    )

    /** Opens the interface [name], which is made. Returns its descriptor, which is the caller's to close. */
    fun open(name: String): Int {
        val fd = openFile("/dev/net/tun")
        val request = Memory(40)
        request.clear()
        request.setString(0, name)
        request.setShort(16, IFF_TUN_NO_PI)
        check(libc.ioctl(fd, NativeLong(TUNSETIFF), request) == 0) { "TUNSETIFF $name" }
        return fd
    }

    /** Opens any file, for its descriptor. */
    fun openFile(path: String): Int = libc.open(path, O_RDWR_CLOEXEC).also { check(it >= 0) { "cannot open $path" } }

    /** Moves the calling thread, and the sockets that it opens, into the network namespace that [file] stands for. */
    fun enter(file: String) {
        val fd = libc.open(file, O_RDONLY_CLOEXEC)
        check(fd >= 0 && libc.setns(fd, CLONE_NEWNET) == 0) { "cannot enter $file" }
        libc.close(fd)
    }

    fun close(fd: Int) = check(libc.close(fd) == 0) { "$fd was closed already" }
}

/** Runs a command to its end and gives what it printed. */
internal fun shell(vararg command: String): String {
    val process = ProcessBuilder(*command).redirectErrorStream(true).start()
    process.outputStream.close()
    val output = process.inputStream.bufferedReader().readText()
    check(process.waitFor(60, TimeUnit.SECONDS)) { "${command.joinToString(" ")}: hangs" }
    check(process.exitValue() == 0) { "${command.joinToString(" ")}: ${process.exitValue()}: $output" }
    return output
}

/** Descriptors and threads of this process. */
internal fun descriptors(): Int = File("/proc/self/fd").list()!!.size

internal fun threads(): Int = File("/proc/self/task").list()!!.size

/** Threads that the engine started: the session's, and the one that asks for owners. */
internal fun engineThreads(): Int = File("/proc/self/task").listFiles()!!.count { task ->
    runCatching { File(task, "comm").readText().trim() }.getOrNull() in listOf("engine", "owners")
}

/** Waits until [condition] holds, for [seconds] at most. */
internal fun eventually(what: String, seconds: Long = 20, condition: () -> Boolean) {
    val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds)
    while (!condition()) {
        check(System.nanoTime() < end) { "not within $seconds s: $what" }
        Thread.sleep(20)
    }
}
