package org.telltale.ui

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.junit.Assert.assertEquals
import org.junit.Test
import org.w3c.dom.Element

/** Every text is there in every language, with the same placeholders. */
class TranslationsTest {
    private fun texts(folder: String): Map<String, List<String>> {
        val root = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(File("src/main/res/$folder/strings.xml")).documentElement
        return (0 until root.childNodes.length).mapNotNull { root.childNodes.item(it) as? Element }
            .filter { it.getAttribute("translatable") != "false" }
            .associate { it.getAttribute("name") to parts(it) }
    }

    private fun parts(element: Element): List<String> {
        val items = element.getElementsByTagName("item")
        return if (items.length == 0) listOf(element.textContent) else List(items.length) { items.item(it).textContent }
    }

    private fun placeholders(text: String) = Regex("""%(\d+\$)?[sd]""").findAll(text).map { it.value }.sorted().toList()

    @Test
    fun germanIsComplete() {
        val english = texts("values")
        val german = texts("values-de")
        assertEquals(english.keys, german.keys)
        english.forEach { (name, parts) ->
            assertEquals(name, parts.map(::placeholders), german.getValue(name).map(::placeholders))
        }
    }

    @Test
    fun nothingIsLeftUntranslated() {
        val same = texts("values").filter { (name, parts) -> texts("values-de")[name] == parts }.keys
        val alike = setOf("kind_imei", "kind_imeisv", "kind_meid", "kind_imsi", "kind_iccid", "kind_eid")
        assertEquals(alike, same)
    }

    @Test
    fun noTextIsWrittenInCode() {
        val literal = Regex("""android:(text|hint|title|contentDescription|label)="(?!@|\?)[^"]+"""")
        val found = File("src/main").walk().filter { it.extension == "xml" }.flatMap { file ->
            literal.findAll(file.readText()).map { "${file.name}: ${it.value}" }
        }
        assertEquals(emptyList<String>(), found.toList())
    }
}
