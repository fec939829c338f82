package org.telltale

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Imports go one way: `ui → session → engine`, `vpn → session, engine`; `report` is below `session`. */
class LayersTest {
    private val root = File("src/main/kotlin/org/telltale")

    private val allowed = mapOf(
        "engine" to emptySet(),
        "report" to setOf("engine"),
        "session" to setOf("engine", "report"),
        "vpn" to setOf("engine", "report", "session"),
        "ui" to setOf("engine", "report", "session"),
    )

    private fun sources(layer: String) = File(root, layer).walk().filter { it.extension == "kt" }.toList()

    @Test
    fun importsGoOneWay() {
        val layers = root.listFiles { file: File -> file.isDirectory }!!.map { it.name }.toSet()
        assertEquals("every package has its place", allowed.keys, layers)
        val wrong = allowed.flatMap { (layer, below) -> sources(layer).flatMap { wrongIn(it, layer, below) } }
        assertEquals(emptyList<String>(), wrong)
    }

    private fun wrongIn(file: File, layer: String, below: Set<String>): List<String> {
        val used = Regex("""org\.telltale\.([a-z]+)\.""").findAll(file.readText()).map { it.groupValues[1] }.toSet()
        return (used - below - layer).map { "${file.name} uses $it" }
    }

    @Test
    fun nothingIsLogged() {
        val logging = root.walk().filter { it.extension == "kt" }.filter { Regex("""android\.util\.Log|println\(""").containsMatchIn(it.readText()) }
        assertEquals(emptyList<String>(), logging.map { it.name }.toList())
    }

    @Test
    fun theServiceStaysSmall() {
        assertTrue(File(root, "vpn/CaptureVpnService.kt").readLines().size <= 150)
    }
}
