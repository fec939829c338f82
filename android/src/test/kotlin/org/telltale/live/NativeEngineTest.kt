package org.telltale.live

import java.io.File
import java.lang.ref.WeakReference
import java.nio.ByteBuffer
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.telltale.engine.EngineHost
import org.telltale.engine.NativeEngine

/**
 * The real engine, built for this machine, called as the app calls it: rightly, and in every wrong way. In Robolectric's
 * class loader as the tests beside it: a JVM lets only one load a library.
 */
@RunWith(RobolectricTestRunner::class)
class NativeEngineTest {
    @Before
    fun engineIsThere() = assumeTrue(
        "skipped: no engine built for this machine (run `cargo xtask test`)",
        !System.getProperty("telltale.engine").isNullOrEmpty(),
    )

    @Test
    fun handlesThatMeanNothingAreRefused() {
        val handle = open()
        NativeEngine.close(handle)
        for (stale in listOf(handle, 0L, -1L, Long.MAX_VALUE)) {
            val calls = listOf<() -> Unit>(
                { NativeEngine.close(stale) },
                { NativeEngine.attach(stale, 0) },
                { NativeEngine.feed(stale, ByteBuffer.allocateDirect(1), 1) },
                { NativeEngine.mark(stale, "unlock") },
                { NativeEngine.nextEvent(stale) },
                { NativeEngine.report(stale, "json", false) },
            )
            for (call in calls.filterNot { stale == handle && it === calls[1] }) {
                refused<IllegalStateException>("handle $stale") { call() }
            }
        }
    }

    @Test
    fun nullIsNamed() {
        val open = NativeEngine::class.java.getMethod("open", ByteArray::class.java, EngineHost::class.java)
        refused<NullPointerException>("config") { invoke(open, null, Silent) }
        refused<NullPointerException>("host") { invoke(open, config(), null) }
        using { handle ->
            val mark = NativeEngine::class.java.getMethod("mark", Long::class.java, String::class.java)
            refused<NullPointerException>("phase") { invoke(mark, handle, null) }
            val feed = NativeEngine::class.java.getMethod("feed", Long::class.java, ByteBuffer::class.java, Int::class.java)
            refused<NullPointerException>("packets") { invoke(feed, handle, null, 1) }
            val report =
                NativeEngine::class.java.getMethod("report", Long::class.java, String::class.java, Boolean::class.java)
            refused<NullPointerException>("format") { invoke(report, handle, null, false) }
        }
    }

    @Test
    fun garbageIsNoConfiguration() {
        for (garbage in listOf("", "{", "[]", "{\"source\":1}", "{\"source\":\"a\",\"shoe\":44}", "\u0000\uffff")) {
            refused<IllegalArgumentException>("config: ") { NativeEngine.open(garbage.toByteArray(), Silent) }
        }
        refused<IllegalArgumentException>("config: ") { NativeEngine.open(byteArrayOf(-1, -2, -3), Silent) }
        val watch = """{"source":"a","watch":[{"kind":"imei","value":"12"}]}"""
        refused<IllegalArgumentException>("imei") { NativeEngine.open(watch.toByteArray(), Silent) }
        val elsewhere = """{"source":"a","recording":"/no/such/folder/r.pcapng"}"""
        val handle = NativeEngine.open(elsewhere.toByteArray(), Silent)
        refused<IllegalArgumentException>("/no/such/folder") { NativeEngine.mark(handle, "unlock") }
        NativeEngine.close(handle)
    }

    @Test
    fun onlyATunIsATun() = using { handle ->
        refused<IllegalArgumentException>("-1") { NativeEngine.attach(handle, -1) }
        refused<IllegalArgumentException>("no TUN") { NativeEngine.attach(handle, 123_456) }
        val file = File.createTempFile("no-tun", null).apply { deleteOnExit() }
        val fd = LinuxTun.openFile(file.path)
        refused<IllegalArgumentException>("RegularFile") { NativeEngine.attach(handle, fd) }
        // It stayed ours.
        LinuxTun.close(fd)
    }

    @Test
    fun buffersAreChecked() = using { handle ->
        refused<IllegalArgumentException>("direct") { NativeEngine.feed(handle, ByteBuffer.allocate(8), 8) }
        val buffer = ByteBuffer.allocateDirect(8)
        for (length in listOf(-1, 9, Int.MAX_VALUE, Int.MIN_VALUE)) {
            refused<IllegalArgumentException>("$length") { NativeEngine.feed(handle, buffer, length) }
        }
    }

    @Test
    fun wordsAreChecked() = using { handle ->
        refused<IllegalArgumentException>("lunch") { NativeEngine.mark(handle, "lunch") }
        refused<IllegalArgumentException>("started") { NativeEngine.mark(handle, "started") }
        refused<IllegalArgumentException>("docx") { NativeEngine.report(handle, "docx", false) }
        refused<IllegalStateException>("nothing was attached or fed") { NativeEngine.report(handle, "json", false) }
    }

    @Test
    fun aSessionIsLiveOrFed() {
        using { handle ->
            feed(handle, byteArrayOf(1))
            refused<IllegalStateException>("fed from a capture") { NativeEngine.mark(handle, "unlock") }
        }
        using { handle ->
            NativeEngine.mark(handle, "locked_boot")
            refused<IllegalStateException>("another one for a capture") { feed(handle, byteArrayOf(1)) }
        }
    }

    @Test
    fun whatIsNoCaptureIsNamed() = using { handle ->
        feed(handle, "Dear founders,".toByteArray())
        refused<IllegalArgumentException>("test: at byte 0: ") { NativeEngine.report(handle, "json", false) }
    }

    @Test
    fun aFedBootIsReportedAsTheCommandReportsIt() = using { handle ->
        feed(handle, boot())
        for ((format, beginning) in listOf("json" to "{\n  \"schema\"", "html" to "<!doctype html>", "csv" to "finding,")) {
            val report = String(NativeEngine.report(handle, format, false))
            assertTrue(report.take(80), report.startsWith(beginning, ignoreCase = true))
        }
        val cli = File(System.getProperty("telltale.cli").orEmpty())
        assumeTrue("skipped: no telltale command given", cli.isFile)
        val expected = shell(cli.path, "replay", BOOT.path, "--format", "json", "--output", "-")
        assertEquals(expected, String(NativeEngine.report(handle, "json", false)))
    }

    @Test
    fun aPanicIsAnException() {
        val handle = NativeEngine.open("""{"source":"drill","drill":true}""".toByteArray(), Silent)
        refused<RuntimeException>("a rehearsed failure") {
            feed(handle, boot())
            NativeEngine.report(handle, "json", false)
        }
        refused<RuntimeException>("a rehearsed failure") { feed(handle, boot()) }
        NativeEngine.close(handle)
    }

    @Test
    fun phasesComeBackAsEventsUntilTheEnd() = using { handle ->
        NativeEngine.mark(handle, "locked_boot")
        NativeEngine.mark(handle, "unlock")
        NativeEngine.mark(handle, "stopped")
        val events = generateSequence { NativeEngine.nextEvent(handle) }.map(::String).toList()
        val phases = events.mapNotNull { Regex("\"phase\":\"(\\w+)\"").find(it)?.groupValues?.get(1) }
        assertEquals(listOf("started", "locked_boot", "unlock", "stopped"), phases)
        assertEquals("""{"type":"ended","why":"stopped","text":null}""", events.last())
        assertNull(NativeEngine.nextEvent(handle))
        refused<IllegalStateException>("ended") { NativeEngine.mark(handle, "screen_on") }
        assertTrue(String(NativeEngine.report(handle, "json", false)).contains("\"locked_boot\""))
    }

    @Test
    fun closingWakesTheReader() {
        val handle = open()
        NativeEngine.mark(handle, "locked_boot")
        val reader = CompletableFuture.supplyAsync { generateSequence { NativeEngine.nextEvent(handle) }.count() }
        Thread.sleep(50)
        NativeEngine.close(handle)
        // It may find the handle gone before it reads the last event.
        runCatching { reader.get(10, TimeUnit.SECONDS) }
        assertTrue(reader.isDone)
    }

    @Test
    fun aHostThatThrowsIsSurvivedAndTold() {
        LinuxTun.assumeNamespace()
        val host = object : EngineHost {
            override fun protect(fd: Int): Boolean = error("no")
            override fun owner(
                protocol: Int, local: ByteArray, localPort: Int, remote: ByteArray, remotePort: Int,
            ): String? = throw OutOfMemoryError("a test's")
        }
        val handle = NativeEngine.open(config(), host)
        Phone().use { phone ->
            val tunnel = Tunnel().apply { addresses += "10.215.173.2/32"; routes += "0.0.0.0/0"; mtu = 1500 }
            NativeEngine.attach(handle, phone.establish(tunnel))
            assertThrows(IllegalStateException::class.java) { phone.inside("curl", "-sS", "--max-time", "5", "http://192.0.2.1/") }
            val told = generateSequence { NativeEngine.nextEvent(handle) }.map(::String).first { "trouble" in it }
            assertTrue(told, "\"host_failed\"" in told && "\"over\":false" in told)
            assertTrue(String(NativeEngine.report(handle, "json", false)).contains("192.0.2.1:80"))
        }
        NativeEngine.close(handle)
    }

    @Test
    fun twoHundredSessionsLeaveNothingBehind() {
        LinuxTun.assumeNamespace()
        val hosts = ArrayList<WeakReference<EngineHost>>()
        repeat(3) { session(hosts) }
        eventually("the first sessions' threads end") { engineThreads() == 0 }
        val descriptorsBefore = descriptors()
        val threadsBefore = threads()
        repeat(200) { session(hosts) }
        eventually("the engine's threads end") { engineThreads() == 0 }
        eventually("as many descriptors as before") { descriptors() <= descriptorsBefore }
        // The JVM starts and ends threads of its own.
        assertTrue("${threads()} threads, before $threadsBefore", threads() < threadsBefore + 20)
        eventually("no host is referenced") {
            System.gc()
            hosts.all { it.get() == null }
        }
    }

    private fun session(hosts: MutableList<WeakReference<EngineHost>>) {
        val host = object : EngineHost by Silent {}
        hosts += WeakReference(host)
        val handle = NativeEngine.open(config(), host)
        NativeEngine.attach(handle, LinuxTun.open("leak0"))
        NativeEngine.mark(handle, "unlock")
        NativeEngine.report(handle, "json", false)
        NativeEngine.close(handle)
    }

    private fun open(): Long = NativeEngine.open(config(), Silent)

    private fun using(work: (Long) -> Unit) {
        val handle = open()
        try {
            work(handle)
        } finally {
            NativeEngine.close(handle)
        }
    }

    private fun feed(handle: Long, bytes: ByteArray) {
        val buffer = ByteBuffer.allocateDirect(bytes.size)
        buffer.put(bytes)
        NativeEngine.feed(handle, buffer, bytes.size)
    }

    private fun invoke(method: java.lang.reflect.Method, vararg arguments: Any?) = try {
        method.invoke(null, *arguments)
    } catch (wrapped: java.lang.reflect.InvocationTargetException) {
        throw wrapped.targetException
    }

    /** The call throws just this kind of exception, with a reason that names [what]. */
    private inline fun <reified E : Exception> refused(what: String, noinline call: () -> Any?) {
        val thrown = assertThrows(E::class.java) { call() }
        assertEquals(E::class.java, thrown.javaClass)
        assertTrue("${thrown.message} does not say: $what", thrown.message.orEmpty().contains(what))
    }

    private object Silent : EngineHost {
        override fun protect(fd: Int) = true
        override fun owner(
            protocol: Int, local: ByteArray, localPort: Int, remote: ByteArray, remotePort: Int,
        ): String? = null
    }

    private companion object {
        /** The recording of the demo, a first boot with a registration in clear. */
        val BOOT = File("../rust/cli/tests/golden/demo-boot/capture.pcapng")

        fun boot(): ByteArray = BOOT.readBytes()

        fun config() = """{"source":"test"}""".toByteArray()
    }
}
