package org.telltale.session

import java.io.IOException
import java.io.InputStream
import java.nio.Buffer
import java.nio.ByteBuffer
import org.telltale.engine.Engine
import org.telltale.engine.EngineConfig
import org.telltale.engine.EngineFactory
import org.telltale.engine.Format
import org.telltale.engine.NoHost
import org.telltale.engine.Report
import org.telltale.engine.WatchedValue
import org.telltale.report.SessionFiles

/**
 * Makes a report of a recording: of a capture that the user opens, and again of a session once more values are known.
 * Values cannot be read before the first unlock, so a session that began at boot is looked through twice.
 */
class Analysis(private val engines: () -> EngineFactory) {
    /**
     * Reads the recording in [files] and writes its reports there. Takes as long as the recording needs; not for the main
     * thread.
     *
     * @throws IOException the recording cannot be read or the reports cannot be written.
     * @throws IllegalArgumentException it is no capture that can be read; the message says where and why.
     * @throws RuntimeException the engine failed.
     */
    @Throws(IOException::class)
    fun run(files: SessionFiles, home: String?, watch: List<WatchedValue>): Report {
        val failure = files.summary().failure?.let { word -> Failure.entries.firstOrNull { it.name == word } }
        return read(files, home, watch) { Conclusion.write(it, files, watch.isNotEmpty(), failure) }
    }

    /**
     * The report of the recording in [files] with the values as they were sent, which are written nowhere. Throws as [run]
     * does.
     */
    @Throws(IOException::class)
    fun values(files: SessionFiles, home: String?, watch: List<WatchedValue>): Report =
        read(files, home, watch) { Conclusion.parse(it.report(Format.JSON, showValues = true)) }

    private fun read(files: SessionFiles, home: String?, watch: List<WatchedValue>, conclude: (Engine) -> Report): Report {
        val config = EngineConfig(files.summary().source ?: "${files.name}.pcapng", home, watch)
        // What is seen on the way is in the report, which is the capture's end as well.
        engines().open(config, NoHost) {}.use { engine ->
            files.recording.inputStream().use { feed(it, engine::feed) }
            return conclude(engine)
        }
    }

    private fun feed(input: InputStream, take: (ByteBuffer, Int) -> Unit) {
        val bytes = ByteArray(CHUNK)
        val direct = ByteBuffer.allocateDirect(CHUNK)
        // Java 9 gave ByteBuffer a clear() of its own, which Android 8 has not.
        val position: Buffer = direct
        while (true) {
            val length = input.read(bytes)
            if (length < 0) return
            position.clear()
            direct.put(bytes, 0, length)
            take(direct, length)
        }
    }

    private companion object {
        const val CHUNK = 1 shl 16
    }
}
