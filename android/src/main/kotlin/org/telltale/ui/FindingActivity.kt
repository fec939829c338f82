package org.telltale.ui

import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.view.WindowManager
import android.widget.Switch
import android.widget.TextView
import java.io.IOException
import org.json.JSONException
import org.telltale.R
import org.telltale.engine.Finding
import org.telltale.engine.Flow
import org.telltale.engine.Identifier
import org.telltale.engine.parseReport
import org.telltale.report.SessionStore
import org.telltale.session.Settings
import org.telltale.session.WatchedValues

/** One finding: what was told, to whom, where, by which app, when, and how. */
class FindingActivity : Page() {
    /** A finding among those that say the same, and its connection. */
    private class Shown(val group: FindingGroup, val flow: Flow?)

    private val words by lazy { Words(this) }
    private val session: String? get() = intent.getStringExtra(SESSION)
    private var identifiers = emptyList<Identifier>()

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        showPage(R.string.finding)
        val view = app.session.view
        if (session == view.name && view.findings.isNotEmpty()) {
            show(pick(view.findings, view.flows))
        } else {
            load({ saved() }, ::show)
        }
    }

    private fun saved(): Shown? = try {
        val json = session?.let { SessionStore(this).find(it) }?.json?.readBytes()
        json?.let(::parseReport)?.let { pick(it.findings, it.flows) }
    } catch (gone: IOException) {
        null
    } catch (damaged: JSONException) {
        null
    }

    private fun pick(findings: List<Finding>, flows: List<Flow>): Shown? {
        val id = intent.getLongExtra(FINDING, 0)
        val group = FindingGroup.of(findings).firstOrNull { group -> group.findings.any { it.id == id } } ?: return null
        return Shown(group, flows.firstOrNull { it.id == group.first.flow })
    }

    private fun show(shown: Shown?) {
        if (shown == null) return addCard(getString(R.string.finding_gone), null)
        val finding = shown.group.first
        val page = add(R.layout.page_finding)
        page.findViewById<View>(R.id.card).tint(finding.severity.tone.ground)
        page.findViewById<TextView>(R.id.severity).apply {
            text = words.severity(finding.severity)
            setTextColor(getColor(finding.severity.tone.text))
        }
        page.findViewById<TextView>(R.id.headline).text = finding.title
        facts(shown).forEach { (label, text) -> fact(page.findViewById(R.id.facts), label, text) }
        identifiers = finding.identifiers
        page.findViewById<View>(R.id.values).visibility = if (identifiers.isEmpty()) View.GONE else View.VISIBLE
        page.findViewById<Switch>(R.id.show).setOnCheckedChangeListener { _, on -> showValues(finding, on) }
        showIdentifiers(false)
    }

    private fun facts(shown: Shown): List<Pair<Int, String?>> {
        val finding = shown.group.first
        val times = shown.group.findings.sortedBy { it.id }.joinToString("\n") { one ->
            listOfNotNull(words.moment(one.at), one.phase?.let(words::phase)).joinToString(" · ")
        }
        return listOf(
            R.string.label_why to finding.why,
            R.string.label_to to listOfNotNull(finding.owner, finding.host, shown.flow?.remote).distinct().joinToString("\n"),
            R.string.label_where to finding.country?.let { "${words.country(it)} ($it)" },
            R.string.label_app to AppFaces(this).label(shown.flow?.app) + shown.flow?.app?.uid?.let { " (UID $it)" }.orEmpty(),
            R.string.label_when to times,
            R.string.label_how to how(finding, shown.flow),
            R.string.label_disguise to finding.disguise,
            R.string.label_normal to words.normal(finding.expected),
            R.string.label_purpose to words.purpose(shown.flow?.purpose),
            R.string.label_decode to common(finding.identifiers).joinToString(" → "),
        )
    }

    private fun how(finding: Finding, flow: Flow?): String {
        val how = when (finding.encrypted) {
            false -> R.string.how_clear
            true -> R.string.how_encrypted
            null -> R.string.how_unknown
        }
        val protocols = flow?.let { listOf(it.transport) + it.protocols }.orEmpty().joinToString(" / ").uppercase()
        return listOf(getString(how), protocols).filter { it.isNotEmpty() }.joinToString("\n")
    }

    private fun fact(into: ViewGroup, label: Int, text: String?) {
        if (text.isNullOrEmpty()) return
        val row = add(R.layout.row_fact, into)
        row.findViewById<TextView>(R.id.label).setText(label)
        row.findViewById<TextView>(R.id.text).text = text
    }

    private fun showIdentifiers(values: Boolean) {
        // What is shown must not end up in a screenshot or the list of recent apps by accident.
        if (values) window.addFlags(WindowManager.LayoutParams.FLAG_SECURE) else window.clearFlags(WindowManager.LayoutParams.FLAG_SECURE)
        val into = findViewById<ViewGroup>(R.id.identifiers)
        into.removeAllViews()
        identifiers.forEach { identifier ->
            val row = add(R.layout.row_identifier, into)
            val steps = identifier.decode.drop(common(identifiers).size).joinToString(" → ").ifEmpty { null }
            val label = listOfNotNull(words.kind(identifier.kind), steps, words.confidence(identifier), received(identifier))
            row.findViewById<TextView>(R.id.label).text = label.joinToString(" · ")
            row.findViewById<TextView>(R.id.value).text = if (values) identifier.value ?: identifier.masked else identifier.masked
        }
    }

    // The steps that led to all of them; what is left of each names its own field.
    private fun common(identifiers: List<Identifier>): List<String> = identifiers.map { it.decode }
        .reduceOrNull { a, b -> a.zip(b).takeWhile { (x, y) -> x == y }.map { it.first } }.orEmpty()

    private fun received(identifier: Identifier): String? = if (identifier.outbound) null else getString(R.string.received)

    private fun showValues(finding: Finding, on: Boolean) {
        if (!on || identifiers.all { it.value != null }) return showIdentifiers(on)
        // A saved report has masked values only; the recording has them.
        load({ valuesOf(finding) }) { values ->
            if (values == null) return@load say(R.string.values_failed)
            identifiers = identifiers.mapIndexed { i, it -> it.copy(value = values.getOrNull(i)) }
            showIdentifiers(findViewById<Switch>(R.id.show).isChecked)
        }
    }

    private fun valuesOf(finding: Finding): List<String>? = try {
        val files = session?.let { SessionStore(this).find(it) }
        val report = files?.let { app.analysis.values(it, Settings(this).home, WatchedValues(this).get()) }
        report?.findings?.firstOrNull { it.id == finding.id }?.identifiers?.map { it.masked }
    } catch (gone: IOException) {
        null
    } catch (broken: RuntimeException) {
        null
    }

    companion object {
        private const val SESSION = "session"
        private const val FINDING = "finding"

        /** Opens [finding] of the session of that [session] name. */
        fun open(context: Context, session: String?, finding: Finding) = context.startActivity(
            Intent(context, FindingActivity::class.java).putExtra(SESSION, session).putExtra(FINDING, finding.id),
        )
    }
}
