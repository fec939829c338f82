package org.telltale.ui

import android.app.AlertDialog
import android.content.Intent
import android.net.VpnService
import android.os.Bundle
import android.provider.Settings.ACTION_VPN_SETTINGS
import android.view.View
import android.view.ViewGroup
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.EditText
import android.widget.Spinner
import android.widget.Switch
import android.widget.TextView
import java.util.Locale
import org.telltale.R
import org.telltale.engine.WatchedValue
import org.telltale.session.Settings
import org.telltale.session.WatchedValues

/** The user's choices, the phone's values, and what there is to know about the app. */
class SettingsActivity : Page() {
    private val settings by lazy { Settings(this) }
    private val values by lazy { WatchedValues(this) }
    private val words by lazy { Words(this) }

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        showPage(R.string.settings)
        add(R.layout.page_settings)
        bind(R.id.boot, settings.watchFromBoot, ::setBoot)
        bind(R.id.drill, settings.drill) { settings.drill = it }
        findViewById<View>(R.id.vpn).setOnClickListener { open(Intent(ACTION_VPN_SETTINGS)) }
        findViewById<View>(R.id.home).setOnClickListener { chooseHome() }
        findViewById<View>(R.id.add).setOnClickListener { askForValue() }
        val version = packageManager.getPackageInfo(packageName, 0).versionName
        findViewById<TextView>(R.id.about).text = getString(R.string.about_text, version)
        showUnseen()
        showHome()
        showValues()
    }

    private fun bind(id: Int, on: Boolean, change: (Boolean) -> Unit) = findViewById<Switch>(id).run {
        isChecked = on
        setOnCheckedChangeListener { _, now -> change(now) }
    }

    private fun setBoot(on: Boolean) {
        settings.watchFromBoot = on
        // At boot nobody is there to be asked.
        if (on && VpnService.prepare(this) != null) startActivity(Intent(this, ConsentActivity::class.java))
    }

    private fun showUnseen() {
        val card = findViewById<ViewGroup>(R.id.unseen)
        words.unseen().forEach { line ->
            val row = add(R.layout.row_fact, card)
            row.findViewById<View>(R.id.label).visibility = View.GONE
            row.findViewById<TextView>(R.id.text).apply {
                text = bulleted(line)
                textSize = 14f
                setTextColor(getColor(R.color.muted))
            }
        }
    }

    private fun showHome() {
        findViewById<Button>(R.id.home).text = settings.home?.let(words::country) ?: getString(R.string.home_none)
    }

    private fun chooseHome() {
        val codes = Locale.getISOCountries().sortedBy(words::country)
        val labels = listOf(getString(R.string.home_none)) + codes.map(words::country)
        AlertDialog.Builder(this)
            .setTitle(R.string.home_title)
            .setSingleChoiceItems(labels.toTypedArray(), codes.indexOf(settings.home) + 1) { dialog, which ->
                settings.home = codes.getOrNull(which - 1)
                showHome()
                dialog.dismiss()
            }
            .show()
    }

    private fun showValues() {
        val into = findViewById<ViewGroup>(R.id.values)
        into.removeAllViews()
        values.get().forEach { value ->
            val row = add(R.layout.row_value, into)
            row.findViewById<TextView>(R.id.label).text = words.kind(value.kind)
            row.findViewById<TextView>(R.id.value).text = value.value
            row.findViewById<View>(R.id.remove).apply {
                contentDescription = getString(R.string.values_delete, words.kind(value.kind))
                setOnClickListener {
                    values.set(values.get() - value)
                    showValues()
                }
            }
        }
    }

    private fun askForValue() {
        val form = layoutInflater.inflate(R.layout.dialog_value, page, false)
        val kinds = WatchedValues.KINDS
        form.findViewById<Spinner>(R.id.kind).adapter =
            ArrayAdapter(this, android.R.layout.simple_spinner_dropdown_item, kinds.map(words::kind))
        AlertDialog.Builder(this)
            .setTitle(R.string.values_add)
            .setView(form)
            .setPositiveButton(R.string.add) { _, _ ->
                val kind = kinds[form.findViewById<Spinner>(R.id.kind).selectedItemPosition]
                addValue(WatchedValue(kind, form.findViewById<EditText>(R.id.value).text.toString().trim()))
            }
            .setNegativeButton(R.string.cancel, null)
            .show()
    }

    private fun addValue(value: WatchedValue) {
        if (!WatchedValues.usable(value.value)) return say(R.string.values_short)
        values.set((values.get() + value).distinct())
        showValues()
    }
}
