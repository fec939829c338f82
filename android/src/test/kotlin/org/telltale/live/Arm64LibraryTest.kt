package org.telltale.live

import com.github.unidbg.AndroidEmulator
import com.github.unidbg.Emulator
import com.github.unidbg.arm.Arm64Svc
import com.github.unidbg.arm.context.RegisterContext
import com.github.unidbg.linux.android.AndroidEmulatorBuilder
import com.github.unidbg.linux.android.AndroidResolver
import com.github.unidbg.linux.android.dvm.AbstractJni
import com.github.unidbg.linux.android.dvm.BaseVM
import com.github.unidbg.linux.android.dvm.DvmClass
import com.github.unidbg.linux.android.dvm.DvmObject
import com.github.unidbg.linux.android.dvm.StringObject
import com.github.unidbg.linux.android.dvm.VM
import com.github.unidbg.linux.android.dvm.VaList
import com.github.unidbg.linux.android.dvm.array.ByteArray as DvmByteArray
import com.github.unidbg.pointer.UnidbgPointer
import com.sun.jna.Pointer
import java.io.File
import java.util.zip.ZipFile
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Before
import org.junit.Test

/**
 * The arm64 library out of the APK, executed: an emulated processor, the real dynamic linker's work and libc of Android
 * 6, which is older than the oldest that the app supports. Single-threaded calls only.
 */
class Arm64LibraryTest {
    private lateinit var emulator: AndroidEmulator
    private lateinit var vm: VM
    private lateinit var engine: DvmClass
    private var thrown: String? = null

    @Before
    fun load() {
        val apk = File(System.getProperty("telltale.apk").orEmpty())
        assumeTrue("skipped: no APK given (run `cargo xtask test`)", apk.isFile)
        emulator = AndroidEmulatorBuilder.for64Bit().setProcessName("org.telltale").build()
        emulator.memory.setLibraryResolver(AndroidResolver(23))
        vm = emulator.createDalvikVM()
        vm.setJni(Java())
        completeJni()
        vm.loadLibrary(extracted(apk), true)
        engine = vm.resolveClass("org/telltale/engine/NativeEngine")
    }

    @After
    fun unload() = if (::emulator.isInitialized) emulator.close() else Unit

    @Test
    fun aRecordedBootIsReportedAsTheCommandReportsIt() {
        val cli = File(System.getProperty("telltale.cli").orEmpty())
        assumeTrue("skipped: no telltale command given", cli.isFile)
        val handle = open("""{"source":"boot"}""")
        feed(handle, BOOT.readBytes())
        val expected = shell(cli.path, "replay", BOOT.path, "--format", "json")
        assertEquals(expected, report(handle))
        engine.callStaticJniMethod(emulator, "close(J)V", handle)
    }

    @Test
    fun aPanicArrivesAsAnException() {
        val handle = open("""{"source":"drill","drill":true}""")
        feed(handle, BOOT.readBytes())
        // The capture is short: it is only read when its end is known.
        assertNull(report(handle))
        assertEquals("java/lang/RuntimeException: the engine failed: a rehearsed failure", thrown)
    }

    /** What the emulator's JNI lacks: direct buffers, and exceptions with a text. */
    private fun completeJni() {
        define(GET_DIRECT_BUFFER_ADDRESS) { context -> (buffer(context).memory as UnidbgPointer).peer }
        define(GET_DIRECT_BUFFER_CAPACITY) { context -> buffer(context).length.toLong() }
        define(THROW_NEW) { context ->
            val exception = vm.getObject<DvmClass>(context.getIntArg(1))
            thrown = "${exception.className}: ${context.getPointerArg(2).getString(0)}"
            0
        }
        // Its classes know nothing of each other; all that is asked is whether an exception is a Throwable.
        define(IS_ASSIGNABLE_FROM) { 1 }
        define(EXCEPTION_CHECK) { if (thrown == null) 0 else 1 }
    }

    private fun buffer(context: RegisterContext): DirectBuffer =
        vm.getObject<DvmObject<*>>(context.getIntArg(1)).value as DirectBuffer

    /** Puts a function into the table that a `JNIEnv` points to, at its number in the JNI specification. */
    private fun define(number: Int, function: (RegisterContext) -> Long) {
        val svc = emulator.svcMemory.registerSvc(object : Arm64Svc() {
            override fun handle(emulator: Emulator<*>): Long = function(emulator.getContext())
        })
        vm.jniEnv.getPointer(0).setPointer(number * 8L, svc)
    }

    /** As much of Java as the library asks for: the thread, which has no class loader of its own. */
    private class Java : AbstractJni() {
        override fun callStaticObjectMethodV(
            vm: BaseVM, owner: DvmClass, signature: String, arguments: VaList,
        ): DvmObject<*>? = when (signature) {
            "java/lang/Thread->currentThread()Ljava/lang/Thread;" -> owner.newObject(null)
            "java/lang/Class->forName(Ljava/lang/String;ZLjava/lang/ClassLoader;)Ljava/lang/Class;" ->
                vm.resolveClass(arguments.getObjectArg<StringObject>(0).value.replace('.', '/'))
            else -> super.callStaticObjectMethodV(vm, owner, signature, arguments)
        }

        override fun callObjectMethodV(
            vm: BaseVM, target: DvmObject<*>, signature: String, arguments: VaList,
        ): DvmObject<*>? = when (signature) {
            "java/lang/Thread->getContextClassLoader()Ljava/lang/ClassLoader;" -> null
            else -> super.callObjectMethodV(vm, target, signature, arguments)
        }
    }

    private class DirectBuffer(val memory: Pointer, val length: Int)

    private fun open(config: String): Long {
        val host: DvmObject<*> = vm.resolveClass("org/telltale/engine/EngineHost").newObject(null)
        val open = "open([BLorg/telltale/engine/EngineHost;)J"
        val handle = engine.callStaticJniMethodLong(emulator, open, DvmByteArray(vm, config.toByteArray()), host)
        assertTrue("handle $handle", handle > 0)
        return handle
    }

    private fun feed(handle: Long, bytes: ByteArray) {
        val memory = emulator.memory.malloc(bytes.size, true).pointer
        memory.write(bytes)
        val buffer = vm.resolveClass("java/nio/ByteBuffer").newObject(DirectBuffer(memory, bytes.size))
        engine.callStaticJniMethod(emulator, "feed(JLjava/nio/ByteBuffer;I)V", handle, buffer, bytes.size)
    }

    private fun report(handle: Long): String? {
        val report = engine.callStaticJniMethodObject<DvmObject<*>?>(
            emulator, "report(JLjava/lang/String;Z)[B", handle, StringObject(vm, "json"), 0,
        )
        return (report?.value as ByteArray?)?.decodeToString()
    }

    private fun extracted(apk: File): File = ZipFile(apk).use { zip ->
        val library = File.createTempFile("libtelltale_engine", ".so").apply { deleteOnExit() }
        zip.getInputStream(zip.getEntry("lib/arm64-v8a/libtelltale_engine.so")).use { input ->
            library.outputStream().use(input::copyTo)
        }
        library
    }

    private companion object {
        /** Numbers of the JNI specification's function table. */
        const val IS_ASSIGNABLE_FROM = 11
        const val THROW_NEW = 14
        const val EXCEPTION_CHECK = 228
        const val GET_DIRECT_BUFFER_ADDRESS = 230
        const val GET_DIRECT_BUFFER_CAPACITY = 231
        val BOOT = File("../rust/cli/tests/golden/demo-boot/capture.pcapng")
    }
}
